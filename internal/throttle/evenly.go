package throttle

import (
	"math/rand/v2"
	"time"
)

// even is how long an answer takes at least that must not tell by its time what was found: longer
// than the work for either. blur is what chance adds: whoever wakes up after more work does so a
// little faster, which is seen after some hundred answers, and is not in a hundred thousand that way.
const (
	even = 100 * time.Millisecond
	blur = 32 * time.Millisecond
)

// Evenly gives a function that waits until such an answer may be given:
// `defer throttle.Evenly()()`.
func Evenly() func() {
	began := time.Now()
	return func() { time.Sleep(even + rand.N(blur) - time.Since(began)) }
}
