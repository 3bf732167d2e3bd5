package graph

import (
	"fmt"
	"io"

	"github.com/vektah/gqlparser/v2/formatter"
)

// WriteSchema writes the schema as a client may read it, with all descriptions.
func WriteSchema(w io.Writer) error {
	out := &failing{w: w}
	formatter.NewFormatter(out, formatter.WithIndent("  ")).FormatSchema(Schema(&Resolver{}).Schema())
	if out.err != nil {
		return fmt.Errorf("writing the schema: %w", out.err)
	}
	return nil
}

// failing keeps the first error of a writer whose user does not look at it.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}
