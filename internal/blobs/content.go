package blobs

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// known are the kinds of files that are kept, by the ending of their name, and what tells
// whether a content is of the kind.
var known = map[string]struct {
	mediaType string
	is        func(content []byte) bool
}{
	".pdf":  {"application/pdf", sniffed("application/pdf")},
	".png":  {"image/png", sniffed("image/png")},
	".jpg":  {"image/jpeg", sniffed("image/jpeg")},
	".jpeg": {"image/jpeg", sniffed("image/jpeg")},
	".zip":  {"application/zip", isZIP},
	".xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", isXLSX},
	".xml":  {"application/xml", isXML},
	".csv":  {"text/csv", isText},
	".txt":  {"text/plain", isText},
}

// MediaType is the type of a file by its name, once its content bears it out; texts come
// with their encoding. The error tells what is wrong with the file.
func MediaType(filename string, content []byte) (string, error) {
	if len(content) == 0 {
		return "", fmt.Errorf("%s is empty", filename)
	}
	kind, ok := known[strings.ToLower(filepath.Ext(filename))]
	if !ok {
		var endings []string
		for ending := range known {
			endings = append(endings, ending)
		}
		slices.Sort(endings)
		return "", fmt.Errorf("%s is of a kind that is not kept: choose one of %s", filename, strings.Join(endings, ", "))
	}
	if !kind.is(content) {
		return "", fmt.Errorf("%s is not what its name says: its content is no %s", filename, kind.mediaType)
	}
	if !strings.HasPrefix(kind.mediaType, "text/") {
		return kind.mediaType, nil
	}
	if utf8.Valid(content) {
		return kind.mediaType + "; charset=utf-8", nil
	}
	return kind.mediaType + "; charset=windows-1252", nil
}

func sniffed(mediaType string) func([]byte) bool {
	return func(content []byte) bool { return http.DetectContentType(content) == mediaType }
}

// isText holds for what no browser would take for anything else.
func isText(content []byte) bool {
	return strings.HasPrefix(http.DetectContentType(content), "text/plain") && !bytes.ContainsRune(content, 0)
}

// isXML holds for a document with one root and no page of a browser.
func isXML(content []byte) bool {
	if found := http.DetectContentType(content); !strings.HasPrefix(found, "text/xml") && !strings.HasPrefix(found, "text/plain") {
		return false
	}
	decoder := xml.NewDecoder(bytes.NewReader(content))
	// The name of the root is ASCII in any encoding, and nothing else is looked at.
	decoder.CharsetReader = func(_ string, content io.Reader) (io.Reader, error) { return content, nil }
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name.Local != "html" && root.Name.Local != "svg"
		}
	}
}

func isZIP(content []byte) bool {
	_, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	return err == nil
}

// isXLSX holds for a package with a workbook.
func isXLSX(content []byte) bool {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return false
	}
	has := func(name string) bool {
		return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == name })
	}
	return has("[Content_Types].xml") && has("xl/workbook.xml")
}
