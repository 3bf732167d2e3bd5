package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"kontor/graph"
	"kontor/internal/blobs"
	"kontor/internal/fault"
)

const (
	typeMultipart = "multipart/form-data"
	// maxUploadBytes bounds a file (1 GiB): several million rows.
	maxUploadBytes = 1 << 30
	// maxMapBytes bounds the part that says which variable a file is.
	maxMapBytes = 4 << 10
	// maxUploads is how many files a replica takes in at a time: each is on its disk meanwhile.
	maxUploads = 8
	// uploadPause is how long a client may send nothing, and uploadTimeout how long the whole may take.
	uploadPause   = 30 * time.Second
	uploadTimeout = time.Hour
)

// uploads takes in operations with a file, as the GraphQL multipart request specification has them:
// parts operations, map, and the file, which never is in memory as a whole. Somebody who may not
// send files is told before it is read.
func (s *Server) uploads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || media != typeMultipart || r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		accepted, ok := negotiate(r.Header.Get("Accept"))
		if !ok {
			http.Error(w, "this endpoint answers "+typeGraphQL+" or "+typeJSON, http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", accepted+"; charset=utf-8")
		var (
			params *graphql.RawParams
			file   *os.File
		)
		answered := true
		s.authenticate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answered = false
			params, file, err = s.upload(w, r)
		})).ServeHTTP(w, r)
		if answered {
			return
		}
		if file != nil {
			defer file.Close()
		}
		var why refusal
		switch {
		case errors.As(err, &why):
			decline(w, why)
			return
		case err != nil:
			s.log.ErrorContext(r.Context(), "taking in a file failed", "requestId", requestID(r.Context()), "error", err)
			refuse(w, http.StatusInternalServerError, "INTERNAL", "the file could not be taken in")
			return
		}
		// The time for the answer begins here, not when the file began to come.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
		// Who it is, is asked once more: the session may have ended while the file came.
		s.authenticate(s.bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			api{s.executor}.execute(w, r, params, accepted)
		}))).ServeHTTP(w, r)
	})
}

// upload reads the operation and its file.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *os.File, error) {
	if err := graph.MayUpload(r.Context()); err != nil {
		if errors.Is(err, fault.ErrUnauthenticated) {
			return nil, nil, refusal{http.StatusUnauthorized, graph.CodeUnauthenticated, "log in before you send a file"}
		}
		return nil, nil, refusal{http.StatusForbidden, "FORBIDDEN", "you may not send files"}
	}
	select {
	case s.uploading <- struct{}{}:
		defer func() { <-s.uploading }()
	default:
		w.Header().Set("Retry-After", "10")
		return nil, nil, refusal{http.StatusServiceUnavailable, graph.CodeUnavailable, "other files are being sent: try again later"}
	}
	r.Body = &patient{http.MaxBytesReader(w, r.Body, maxUploadBytes+maxBodyBytes), http.NewResponseController(w), time.Now().Add(uploadTimeout)}
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, malformed("the request is not a multipart form")
	}
	operations, err := small(parts, "operations", maxBodyBytes)
	if err != nil {
		return nil, nil, err
	}
	params, err := decode(operations, r.Header)
	if err != nil {
		return nil, nil, err
	}
	places, err := small(parts, "map", maxMapBytes)
	if err != nil {
		return nil, nil, err
	}
	var where map[string][]string
	if err := json.Unmarshal(places, &where); err != nil || len(where) != 1 {
		return nil, nil, malformed(`the part map names the one file and its variable, such as {"0": ["variables.input.file"]}`)
	}
	part, err := parts.NextPart()
	if err != nil || len(where[part.FormName()]) != 1 {
		return nil, nil, malformed("the file that the part map names does not follow it")
	}
	file, size, err := taken(part)
	if err != nil {
		return nil, nil, err
	}
	_, err = parts.NextPart()
	if !errors.Is(err, io.EOF) {
		return nil, file, malformed("there is something behind the file, or the request ended before it was complete")
	}
	sent := graphql.Upload{File: file, Filename: part.FileName(), Size: size, ContentType: part.Header.Get("Content-Type")}
	if !put(params.Variables, where[part.FormName()][0], sent) {
		return nil, file, malformed("the part map names no variable of the operation that is null")
	}
	return params, file, nil
}

// put makes a file the value of a variable, or of a field in one, that is null so far.
func put(variables map[string]any, path string, file graphql.Upload) bool {
	steps := strings.Split(path, ".")
	if steps[0] != "variables" || len(steps) < 2 {
		return false
	}
	for _, step := range steps[1 : len(steps)-1] {
		variables, _ = variables[step].(map[string]any)
	}
	last := steps[len(steps)-1]
	if value, there := variables[last]; !there || value != nil {
		return false
	}
	variables[last] = file
	return true
}

// small reads the next part, which has this name and is not large.
func small(parts *multipart.Reader, name string, most int64) ([]byte, error) {
	part, err := parts.NextPart()
	if err != nil || part.FormName() != name {
		return nil, malformed("the parts of the form are operations, map and the file, in this order")
	}
	content, err := io.ReadAll(io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return nil, malformed("the request ended before it was complete")
	case int64(len(content)) > most:
		return nil, refusal{http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("the part %s is larger than %d KiB", name, most>>10)}
	}
	return content, nil
}

// taken writes a part into a file that is gone when it is closed.
func taken(part *multipart.Part) (*os.File, int64, error) {
	file, err := blobs.Scratch()
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(file, io.LimitReader(part, maxUploadBytes+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), size > maxUploadBytes:
		err = refusal{http.StatusRequestEntityTooLarge, codeTooLarge, "the file is larger than 1 GiB: split it"}
	case err != nil && isDisk(err):
		err = fmt.Errorf("writing what is sent: %w", err)
	case err != nil:
		err = malformed("the request ended before it was complete")
	default:
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

// isDisk tells whether writing failed, and not reading.
func isDisk(err error) bool {
	var path *os.PathError
	return errors.As(err, &path)
}

// patient reads for as long as something comes: a large file takes longer than a request may.
type patient struct {
	io.ReadCloser
	connection *http.ResponseController
	end        time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	if time.Now().After(p.end) {
		return 0, os.ErrDeadlineExceeded
	}
	_ = p.connection.SetReadDeadline(time.Now().Add(uploadPause))
	return p.ReadCloser.Read(b)
}
