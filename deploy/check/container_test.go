package check

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// root is the repository, seen from this folder.
const root = "../.."

func containerfile(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func stages(t *testing.T) (all []instructions.Stage, arguments map[string]string) {
	t.Helper()
	parsed, err := parser.Parse(bytes.NewReader(containerfile(t)))
	if err != nil {
		t.Fatal(err)
	}
	all, meta, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	arguments = map[string]string{}
	for _, m := range meta {
		for _, a := range m.Args {
			arguments[a.Key] = a.ValueString()
		}
	}
	return all, arguments
}

// registry answers for base images: there is no registry here, and nothing of them is needed to
// know what would be built on them.
type registry struct{}

func (registry) ResolveImageConfig(_ context.Context, reference string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config := []byte(`{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},"rootfs":{"type":"layers"}}`)
	return reference, digest.FromBytes(config), config, nil
}

// BuildKit makes a plan of the file, its linter has nothing to say, and what comes out runs as it should:
// a user by number that is not root, no shell, one port.
func TestContainerfileMakesTheImageThatWeWant(t *testing.T) {
	t.Parallel()
	built, err := dockerfile2llb.Dockerfile2LLB(t.Context(), containerfile(t), dockerfile2llb.ConvertOpt{
		MetaResolver: registry{}, TargetPlatform: &ocispecs.Platform{OS: "linux", Architecture: "amd64"}, AllStages: true,
		Warn: func(rule, _, _, message string, at []parser.Range) { t.Errorf("%s at %v: %s", rule, at, message) },
	})
	if err != nil {
		t.Fatalf("BuildKit would not build it: %v", err)
	}
	if _, err := built.State.Marshal(t.Context(), llb.LinuxAmd64); err != nil {
		t.Errorf("there is no plan: %v", err)
	}
	c := built.Image.Config
	_, open := c.ExposedPorts["8080/tcp"]
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/kontor"}) || !slices.Equal(c.Cmd, []string{"serve"}) || len(c.ExposedPorts) != 1 || !open || len(c.Volumes) != 0 || c.StopSignal != "SIGTERM" {
		t.Errorf("the image runs as %q: %v %v, ports %v, volumes %v, ended by %s", c.User, c.Entrypoint, c.Cmd, c.ExposedPorts, c.Volumes, c.StopSignal)
	}
	if healthcheck := built.Image.Config.Healthcheck; healthcheck != nil {
		t.Errorf("a health check inside needs a program that is not there: %v", healthcheck)
	}
}

// Bases are of an exact version or digest, nothing is fetched by address, and the image itself is
// nothing but what was built.
func TestContainerfileIsReproducible(t *testing.T) {
	t.Parallel()
	all, arguments := stages(t)
	exact := regexp.MustCompile(`(:\d+\.\d+\.\d+(-[a-z]+)*|@sha256:[0-9a-f]{64})$`)
	for i, stage := range all {
		base := os.Expand(stage.BaseName, func(name string) string { return arguments[name] })
		last := i == len(all)-1
		if last != (base == "scratch") || (!last && !exact.MatchString(base)) {
			t.Errorf("stage %d is built on %s", i, base)
		}
		for _, command := range stage.Commands {
			switch c := command.(type) {
			case *instructions.AddCommand:
				t.Errorf("ADD fetches or unpacks: %s", c)
			case *instructions.RunCommand:
				if last || regexp.MustCompile(`curl|wget|apt|latest|\|`).MatchString(strings.Join(c.CmdLine, " ")) {
					t.Errorf("what is run: %s", c)
				}
			case *instructions.CopyCommand:
				if last && c.From == "" {
					t.Errorf("the image has files that were not built: %s", c)
				}
			case *instructions.EnvCommand:
				for _, variable := range c.Env {
					if variable.Key != "KONTOR_ADDR" {
						t.Errorf("the image says what its operator has to: %s", variable.Key)
					}
				}
			}
		}
	}
}

// What would be sent to a build is enough to run its own command on, and has nothing that an image, or
// a cache of one, should not know. The assets come from `make web`, as they do there from npm.
func TestBuildContextIsEnoughAndNoMore(t *testing.T) {
	t.Parallel()
	context, out := t.TempDir(), t.TempDir()
	sent := send(t, context)
	for _, name := range []string{"go.mod", "cmd/kontor/main.go", "server/page/package-lock.json", "server/page/assets/.gitkeep"} {
		if !slices.Contains(sent, name) {
			t.Errorf("%s is not sent", name)
		}
	}
	for _, name := range sent {
		if regexp.MustCompile(`^(\.git|data|bin|deploy|docs|clients)/|_test\.go$|/testdata/|node_modules|\.(env|pem|key|db|csv\.bak)$`).MatchString(name) {
			t.Errorf("%s is sent", name)
		}
	}
	if err := os.CopyFS(filepath.Join(context, "server/page/assets"), fetched{os.DirFS(filepath.Join(root, "server/page/assets"))}); err != nil {
		t.Fatal(err)
	}
	all, _ := stages(t)
	var built bool
	for _, command := range all[len(all)-2].Commands {
		run, ok := command.(*instructions.RunCommand)
		if !ok || !strings.Contains(strings.Join(run.CmdLine, " "), "go build") {
			continue
		}
		shell := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(strings.Join(run.CmdLine, " "), "/out/", out+"/"))
		shell.Dir = context
		if output, err := shell.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", run, err, output)
		}
		built = true
	}
	if !built {
		t.Fatal("the Containerfile builds nothing")
	}
	if output, err := exec.CommandContext(t.Context(), filepath.Join(out, "kontor"), "schema").CombinedOutput(); err != nil || !bytes.Contains(output, []byte("type Query")) {
		t.Errorf("what was built: %v\n%.300s", err, output)
	}
}

// fetched leaves out what is in the repository already.
type fetched struct{ fs.FS }

func (f fetched) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return e.Name() == ".gitkeep" }), err
}

// send copies what the ignore file lets through, by the engine's own rules for its patterns, and names it.
func send(t *testing.T, to string) []string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains([]string{".git", "node_modules"}, entry.Name()) {
				if out, err := ignored.MatchesOrParentMatches(filepath.Join(name, "x")); !out || err != nil {
					t.Errorf("%s is sent: %v", name, err)
				}
				return fs.SkipDir
			}
			return nil
		}
		if out, err := ignored.MatchesOrParentMatches(name); out || err != nil {
			return err
		}
		sent = append(sent, name)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}
