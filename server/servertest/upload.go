package servertest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
)

// Upload sends one operation of a document of the clients' contract with a file, which is the
// variable input.file.
func (c *Client) Upload(t testing.TB, file, name string, input Vars, filename string, content []byte) *Answer {
	t.Helper()
	sent := Vars{"file": nil}
	for field, value := range input {
		sent[field] = value
	}
	operations, err := json.Marshal(map[string]any{"query": Document(t, file), "operationName": name, "variables": Vars{"input": sent}})
	if err != nil {
		t.Fatal(err)
	}
	return c.Form(t, []Part{{Name: "operations", Content: operations}, {Name: "map", Content: []byte(`{"0": ["variables.input.file"]}`)}, {"0", filename, content}})
}

// Part is a part of a form.
type Part struct {
	Name, Filename string
	Content        []byte
}

// Form sends parts as multipart/form-data.
func (c *Client) Form(t testing.TB, parts []Part) *Answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, p := range parts {
		var w io.Writer
		var err error
		if p.Filename == "" {
			w, err = form.CreateFormField(p.Name)
		} else {
			w, err = form.CreateFormFile(p.Name, p.Filename)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(p.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, c.URL+"/graphql", &body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	return c.answer(t, request)
}
