package throttle

import "time"

// even is how long an answer takes that must not tell by its time what was found: longer
// than the work for either.
const even = 100 * time.Millisecond

// Evenly gives a function that waits until such an answer may be given:
// `defer throttle.Evenly()()`.
func Evenly() func() {
	began := time.Now()
	return func() { time.Sleep(even - time.Since(began)) }
}
