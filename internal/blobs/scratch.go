package blobs

import (
	"errors"
	"fmt"
	"os"
)

// Scratch makes a file that is gone when it is closed, however the process ends: for what is too
// large for memory and needed only while somebody works on it.
func Scratch() (*os.File, error) {
	file, err := os.CreateTemp("", "kontor-")
	if err != nil {
		return nil, fmt.Errorf("making a file: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a file: %w", err), file.Close())
	}
	return file, nil
}
