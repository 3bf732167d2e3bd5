package fault

import (
	"fmt"
	"runtime"
)

// Panicked is what the log says of a panic: what Go itself says, and of everything else what it is,
// because the words of others may quote what somebody typed (PRIV-01). The stack says where.
func Panicked(panicked any) string {
	if err, ok := panicked.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", panicked)
}
