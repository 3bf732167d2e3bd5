package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"kontor/authz"
	"kontor/graph/model"
	"kontor/internal/export"
	"kontor/internal/lang"
)

// copyOfUser is the list of links to all that is kept about a user.
const copyOfUser = "copy"

// Copy is a link to all that is kept about the viewer of the context (PRIV-04): asked for with its password.
func (f files) Copy(ctx context.Context) (*model.Download, error) {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	return f.s.sealed(v, link{List: copyOfUser, Format: export.JSON, Language: lang.FromContext(ctx)})
}

// writeCopy writes all that is kept about the viewer, as `kontor user export` does. The link is the viewer's own.
func (s *Server) writeCopy(ctx context.Context, w io.Writer) error {
	v, err := authz.FromContext(ctx)
	if err != nil {
		return err
	}
	all, err := s.privacy.CopyOf(authz.System(ctx), v.User)
	if err != nil {
		return fmt.Errorf("writing what is kept about a user: %w", err)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}
