package page

import (
	"embed"
	"fmt"

	"github.com/BurntSushi/toml"

	"kontor/internal/lang"
)

//go:embed texts/*.toml
var textFiles embed.FS

// texts are the words of the pages in one language, by name.
type texts map[string]string

// Name is what people call a role or a client; one without a name is shown as it is.
func (t texts) Name(code string) string {
	if name, known := t[code]; known {
		return name
	}
	return code
}

func loadTexts() (map[string]texts, error) {
	all := map[string]texts{}
	for _, l := range lang.Languages {
		var t texts
		if _, err := toml.DecodeFS(textFiles, "texts/"+l+".toml", &t); err != nil {
			return nil, fmt.Errorf("reading the page's texts in %s: %w", l, err)
		}
		all[l] = t
	}
	return all, nil
}
