package erp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"kontor/ent"
	"kontor/ent/contract"
	"kontor/ent/document"
	"kontor/ent/order"
	"kontor/internal/blobs"
	"kontor/internal/company"
	"kontor/internal/db"
)

// writeDocument writes a document with what is in its file (CO-04). A document stays as it was
// issued: other content under the same number is refused, and what is corrected gets a number
// of its own.
func (w *writer) writeDocument(row *Row) (outcome, error) {
	t, err := w.tenant(row.Text("organization_id"))
	if err != nil {
		return 0, err
	}
	in := company.NewDocument{
		Tenant: t.ID, Kind: document.Kind(row.Text("kind")), Number: row.Text("number"), IssuedOn: row.Day("issued_on"),
		Filename: filepath.Base(row.Text("file")), At: w.now(),
	}
	if in.Order, in.Contract, err = w.about(row, t); err != nil {
		return 0, err
	}
	if in.Content, err = w.content(row.Text("file")); err != nil {
		return 0, err
	}
	if in.MediaType, err = blobs.MediaType(in.Filename, in.Content); err != nil {
		return 0, refusal("file", "%s", err)
	}
	existing, err := w.tx.Document.Query().Where(document.TenantID(t.ID), document.KindEQ(in.Kind), document.Number(in.Number)).Only(w.ctx)
	if ent.IsNotFound(err) {
		return created, company.KeepDocument(w.ctx, w.tx, w.store, in)
	}
	if err != nil {
		return 0, fmt.Errorf("finding the document: %w", err)
	}
	if !in.Is(existing) {
		return 0, refusal("number", "a document stays as it was issued; give the corrected one a number of its own")
	}
	// Where the store has lost it, it comes back.
	if _, err := w.store.Put(w.ctx, t.ID, in.Content); err != nil {
		return 0, err
	}
	return unchanged, nil
}

// about is the order or the contract that a document is about. The order is held, so that the
// contract that comes of it comes to the document, too.
func (w *writer) about(row *Row, t *ent.Tenant) (*ent.Order, *ent.Contract, error) {
	var c *ent.Contract
	if number := row.Text("contract_number"); number != "" {
		var err error
		c, err = w.tx.Contract.Query().Where(contract.TenantID(t.ID), contract.Number(number)).Only(w.ctx)
		if ent.IsNotFound(err) {
			return nil, nil, refusal("contract_number", "there is no contract %q; import it first", number)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("finding the contract of a document: %w", err)
		}
	}
	number := row.Text("order_number")
	if number == "" {
		return nil, c, nil
	}
	o, err := db.ForUpdate(w.db, w.tx.Order.Query().Where(order.TenantID(t.ID), order.Number(number)), db.KeepingKeys).Only(w.ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, nil, refusal("order_number", "there is no order %q", number)
	case err != nil:
		return nil, nil, fmt.Errorf("finding the order of a document: %w", err)
	case c != nil && (o.ContractID == nil || *o.ContractID != c.ID):
		return nil, nil, refusal("contract_number", "the order is about another contract or none")
	}
	return o, nil, nil
}

// content reads a file within the folder of the import. Nothing leads out of it: no path, and no
// symbolic link, wherever it leads to.
func (w *writer) content(path string) ([]byte, error) {
	if !filepath.IsLocal(path) || strings.ContainsAny(path, "\\\x00") {
		return nil, refusal("file", "%q does not lie in the folder of the file to import", path)
	}
	var info fs.FileInfo
	path = filepath.ToSlash(filepath.Clean(path))
	steps := strings.Split(path, "/")
	for i := range steps {
		var err error
		info, err = fs.Lstat(w.folder, strings.Join(steps[:i+1], "/"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, refusal("file", "there is no file %q", path)
		case err != nil: // it leads through a file, its name is too long, it may not be read: this row only
			return nil, refusal("file", "%q cannot be opened", path)
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, refusal("file", "%q is or leads through a symbolic link", path)
		}
	}
	if !info.Mode().IsRegular() {
		return nil, refusal("file", "%q is no file", path)
	}
	file, err := w.folder.Open(path)
	if err != nil {
		return nil, refusal("file", "%q cannot be opened", path)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, blobs.MaxSize+1))
	if errors.Is(err, errUnpacked) {
		return nil, errTooMuch
	}
	if err != nil {
		return nil, refusal("file", "%q cannot be read", path) // such as a damaged entry of an archive
	}
	if len(content) > blobs.MaxSize {
		return nil, refusal("file", "%q is larger than %d MiB", path, blobs.MaxSize>>20)
	}
	return content, nil
}
