package session

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// eachRedis runs a test against the Redis in process, a real one, and through a
// cluster client.
func eachRedis(t *testing.T, test func(t *testing.T, client redis.UniversalClient)) {
	t.Helper()
	for name, redisURL := range map[string]func(*testing.T) string{
		"Redis in process": func(*testing.T) string { return "" },
		"Redis":            startServer,
		"cluster client": func(t *testing.T) string {
			address := miniredis.RunT(t).Addr()
			return "redis://" + address + "," + address
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, redisURL(t)))
		})
	}
}

// open connects for the time of a test.
func open(t *testing.T, redisURL string) redis.UniversalClient {
	t.Helper()
	client, closeAll, err := Open(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// startServer runs a redis-server of its own for the test, and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(port),
		"--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--requirepass", "p@ss/word")
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("these tests need redis-server on the PATH: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			return fmt.Sprintf("redis://:p%%40ss%%2Fword@127.0.0.1:%d/1", port)
		}
		said.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("redis-server did not start:\n%s", said.String())
	return ""
}

func TestURLsAreRead(t *testing.T) {
	t.Parallel()
	for redisURL, want := range map[string]struct {
		addresses            []string
		user, password       string
		database             int
		master               string
		sentinelUser, secret string
		encrypted            bool
	}{
		"redis://localhost":                            {addresses: []string{"localhost:6379"}},
		"redis://localhost/":                           {addresses: []string{"localhost:6379"}},
		"redis://redis.example:7000/3":                 {addresses: []string{"redis.example:7000"}, database: 3},
		"redis://[::1]:7000":                           {addresses: []string{"[::1]:7000"}},
		"redis://[::1]":                                {addresses: []string{"[::1]:6379"}},
		"redis://kontor:pw@localhost":                  {addresses: []string{"localhost:6379"}, user: "kontor", password: "pw"},
		"redis://:p%40s:s@localhost":                   {addresses: []string{"localhost:6379"}, password: "p@s:s"},
		"redis://:p,#w@localhost":                      {addresses: []string{"localhost:6379"}, password: "p,#w"},
		"rediss://localhost":                           {addresses: []string{"localhost:6379"}, encrypted: true},
		"redis://u:p@a:1,b:2,c":                        {addresses: []string{"a:1", "b:2", "c:6379"}, user: "u", password: "p"},
		"rediss://u:p@a:1,rediss://u:p@b:2":            {addresses: []string{"a:1", "b:2"}, user: "u", password: "p", encrypted: true},
		"redis://a:1,redis://b:2/4?master_name=kontor": {addresses: []string{"a:1", "b:2"}, database: 4, master: "kontor"},
		"redis://u:p@a:1,b:2/2?master_name=m&sentinel_username=s&sentinel_password=q%26": {
			addresses: []string{"a:1", "b:2"}, user: "u", password: "p", database: 2, master: "m", sentinelUser: "s", secret: "q&"},
	} {
		got, err := parseURL(redisURL)
		if err != nil {
			t.Errorf("%s: %v", redisURL, err)
			continue
		}
		if !slices.Equal(got.Addrs, want.addresses) || got.Username != want.user || got.Password != want.password ||
			got.DB != want.database || got.MasterName != want.master || got.SentinelUsername != want.sentinelUser ||
			got.SentinelPassword != want.secret || (got.TLSConfig != nil) != want.encrypted {
			t.Errorf("%s is read as %v, user %q, password %q, database %d, master %q, sentinel %q %q, TLS %v", redisURL,
				got.Addrs, got.Username, got.Password, got.DB, got.MasterName, got.SentinelUsername, got.SentinelPassword, got.TLSConfig)
		}
		if !got.ContextTimeoutEnabled || got.DialTimeout > time.Second || got.ReadTimeout > time.Second || got.WriteTimeout > time.Second {
			t.Errorf("%s: a Redis that does not answer would hold requests up", redisURL)
		}
	}
}

// Case: INV-7
func TestBadURLsGiveAnErrorWithoutThePassword(t *testing.T) {
	t.Parallel()
	for redisURL, want := range map[string]string{
		"localhost:6379":                            "redis://user:password@host:port/0",
		"http://:geheim@localhost":                  "redis://user:password@host:port/0",
		"redis://":                                  "host:port",
		"redis://:geheim@":                          "host:port",
		"redis://:geheim@a:x":                       "host:port",
		"redis://:geheim@a:1,,b:2":                  "host:port",
		"redis://:ge/heim@localhost":                "%2F",
		"redis://:geheim?@localhost":                "%3F",
		"redis://:geheim%@localhost":                "%25",
		"redis://:geheim@localhost/one":             "database",
		"redis://:geheim@localhost/-1":              "database",
		"redis://:geheim@a:1,b:2/1":                 "database 0",
		"redis://:geheim@localhost?pool=3":          "master_name",
		"redis://:geheim@localhost?master_name=%zz": "name=value",
	} {
		_, _, err := Open(redisURL)
		if err == nil {
			t.Errorf("%s is accepted", redisURL)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error %q does not mention %q", redisURL, err, want)
		}
		if strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: the error %q tells the password", redisURL, err)
		}
	}
}

func TestTheURLChoosesTheClient(t *testing.T) {
	t.Parallel()
	for redisURL, want := range map[string]string{
		"":                                    "*redis.Client",
		"redis://127.0.0.1:1":                 "*redis.Client",
		"redis://127.0.0.1:1,127.0.0.1:2":     "*redis.ClusterClient",
		"redis://127.0.0.1:1?master_name=one": "*redis.Client",
	} {
		if got := fmt.Sprintf("%T", open(t, redisURL)); got != want {
			t.Errorf("%q gives a %s, want %s", redisURL, got, want)
		}
	}
}

func TestRedisInProcessAsksForAPassword(t *testing.T) {
	t.Parallel()
	address := open(t, "").(*redis.Client).Options().Addr
	if !strings.HasPrefix(address, "127.0.0.1:") {
		t.Errorf("it listens on %s, want the loopback interface only", address)
	}
	if err := open(t, "redis://"+address).Ping(context.Background()).Err(); err == nil {
		t.Error("anyone on this machine can read the sessions")
	}
}

func TestRedisInProcessForgetsExpiredKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := miniredis.NewMiniRedis()
		if err := server.Set("key", "value"); err != nil {
			t.Fatal(err)
		}
		server.SetTTL("key", 10*time.Second)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			expireKeys(server, stop)
		}()
		// The bubble's clock: no real time passes.
		<-time.After(9 * time.Second)
		if !server.Exists("key") {
			t.Error("the key is gone too early")
		}
		<-time.After(2 * time.Second)
		if server.Exists("key") {
			t.Error("the key is still there after its time")
		}
		close(stop)
		<-stopped
	})
}
