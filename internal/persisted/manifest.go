package persisted

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// format is how a manifest names itself: that of Apollo's tools, which those for iOS and Android
// write, too.
const (
	format  = "apollo-persisted-query-manifest"
	version = 1
)

// Manifest is what clients may send, as it was when they were built.
type Manifest struct {
	Format     string      `json:"format"`
	Version    int         `json:"version"`
	Operations []Operation `json:"operations"`
}

// Operation is one of a manifest: what a client sends instead of its text is the ID, the SHA-256
// hash of the text unless another tool made it up.
type Operation struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Body string `json:"body"`
}

// NewOperation names an operation by the hash of its text.
func NewOperation(name, kind, body string) Operation {
	return Operation{ID: hashOf(body), Name: name, Type: kind, Body: body}
}

// NewManifest makes a manifest of operations.
func NewManifest(operations []Operation) Manifest {
	return Manifest{Format: format, Version: version, Operations: operations}
}

// Write writes the manifest.
func (m Manifest) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(m)
}

// Read reads a manifest of Apollo's form, or an object of ID and text, as the Relay compiler and
// GraphQL Code Generator write it. Without a path it is empty.
func Read(path string) (Manifest, error) {
	if path == "" {
		return NewManifest(nil), nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest of operations: %w", err)
	}
	m, err := parse(content)
	if err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest of operations %s: %w", path, err)
	}
	return m, nil
}

func parse(content []byte) (Manifest, error) {
	var texts map[string]string
	if json.Unmarshal(content, &texts) == nil {
		m := NewManifest(nil)
		for id, text := range texts {
			m.Operations = append(m.Operations, Operation{ID: id, Body: text})
		}
		return m, m.check()
	}
	var m Manifest
	if err := json.Unmarshal(content, &m); err != nil || m.Format != format || m.Version != version {
		return Manifest{}, errors.New("it is neither a manifest of format " + format + ", version 1, nor an object of IDs and texts: kontor operations build writes one")
	}
	return m, m.check()
}

func (m Manifest) check() error {
	seen := map[string]string{}
	for i, operation := range m.Operations {
		if operation.ID == "" || operation.Body == "" {
			return fmt.Errorf("operation %d has no ID or no text", i+1)
		}
		if other, found := seen[operation.ID]; found && other != operation.Body {
			return fmt.Errorf("two operations have the ID %s", operation.ID)
		}
		seen[operation.ID] = operation.Body
	}
	return nil
}

// texts are the operations by ID and by hash.
func (m Manifest) texts() map[string]string {
	all := make(map[string]string, len(m.Operations))
	for _, operation := range m.Operations {
		all[operation.ID] = operation.Body
		all[hashOf(operation.Body)] = operation.Body
	}
	return all
}
