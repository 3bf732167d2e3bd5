package session

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"kontor/internal/dial"
)

// Every request asks Redis, so a Redis that does not answer must be noticed soon.
const (
	dialTimeout = time.Second
	readTimeout = time.Second
	maxRetries  = 2
)

// tick is how often the Redis in process forgets expired keys.
const tick = 250 * time.Millisecond

// urlForm is how a Redis URL looks, for error messages.
const urlForm = "redis://user:password@host:port/0 (rediss:// for TLS, host:port,host:port for a cluster, " +
	"?master_name=… for sentinels)"

// Open connects to Redis: one server, a cluster (several addresses, separated by
// commas) or sentinels (?master_name=, and sentinel_username and
// sentinel_password where they ask for them). An empty URL starts a Redis in this
// process, for development and small installations; it forgets everything when
// the process ends. Nothing is sent before the first command. The function
// returned closes it all. Errors never contain the URL, which holds a password.
func Open(redisURL string) (redis.UniversalClient, func() error, error) {
	if redisURL == "" {
		return openInProcess()
	}
	options, err := parseURL(redisURL)
	if err != nil {
		return nil, nil, err
	}
	options.Dialer = dialer(options.TLSConfig)
	client := redis.NewUniversalClient(options)
	return client, client.Close, nil
}

// dialer connects to servers of the settings and to those that a cluster or sentinels name, encrypted where
// there is a configuration for that.
func dialer(encryption *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	outside := dial.Outside()
	outside.Timeout = dialTimeout
	if encryption == nil {
		return outside.DialContext
	}
	return (&tls.Dialer{NetDialer: outside, Config: encryption}).DialContext
}

// openInProcess starts a Redis inside this process, on a free port of the
// loopback interface, behind a password that nobody knows.
func openInProcess() (redis.UniversalClient, func() error, error) {
	password := rand.Text()
	server := miniredis.NewMiniRedis()
	server.RequireAuth(password)
	if err := server.Start(); err != nil {
		return nil, nil, fmt.Errorf("starting Redis in process: %w", err)
	}
	options := baseOptions()
	options.Addrs, options.Password = []string{server.Addr()}, password
	client := redis.NewUniversalClient(options)

	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		expireKeys(server, stop)
	}()
	return client, func() error {
		close(stop)
		<-stopped
		err := client.Close()
		server.Close()
		return err
	}, nil
}

// expireKeys lets time pass in the Redis in process, which would keep keys for
// ever otherwise.
func expireKeys(server *miniredis.Miniredis, stop <-chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			server.FastForward(now.Sub(last))
			last = now
		}
	}
}

// baseOptions are those that no URL changes.
func baseOptions() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           readTimeout,
		WriteTimeout:          readTimeout,
		PoolTimeout:           readTimeout,
		MaxRetries:            maxRetries,
		MaxRetryBackoff:       50 * time.Millisecond,
		ContextTimeoutEnabled: true,
		// Notices of planned maintenance are a cloud product's; asking for them
		// costs every new connection a command that servers reject.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// parseURL reads the URL by hand: net/url knows one host only, and its errors
// repeat the whole URL with the password.
func parseURL(redisURL string) (*redis.UniversalOptions, error) {
	scheme, rest, found := strings.Cut(redisURL, "://")
	if !found || (scheme != "redis" && scheme != "rediss") {
		return nil, fmt.Errorf("the Redis URL must look like %s", urlForm)
	}
	options := baseOptions()
	if scheme == "rediss" {
		// No server name here: each node's certificate must name that node.
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	// A list of whole URLs means the same as one URL with a list of addresses.
	for part := range strings.SplitSeq(rest, ","+scheme+"://") {
		if err := addPart(options, part); err != nil {
			return nil, err
		}
	}
	if options.DB != 0 && len(options.Addrs) > 1 && options.MasterName == "" {
		return nil, errors.New("a Redis cluster has database 0 only: leave the path of the Redis URL away")
	}
	return options, nil
}

// addPart adds what one URL, without its scheme, says: addresses, and whatever of
// user, database and parameters it names.
func addPart(options *redis.UniversalOptions, part string) error {
	authority, path, query := splitURL(part)
	if strings.Contains(path+query, "@") {
		return errors.New("the Redis URL has an @ after the addresses: write / ? and @ in the password as %2F %3F and %40")
	}
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		hosts = authority[at+1:]
		if err := setCredentials(options, authority[:at]); err != nil {
			return err
		}
	}
	more, err := addresses(hosts)
	if err != nil {
		return err
	}
	options.Addrs = append(options.Addrs, more...)
	if path != "" {
		if options.DB, err = strconv.Atoi(path); err != nil || options.DB < 0 {
			return errors.New("the Redis URL's path must be the number of a database, such as /0")
		}
	}
	if query != "" {
		return setParameters(options, query)
	}
	return nil
}

// splitURL cuts what follows the scheme into user and hosts, path and query.
func splitURL(rest string) (authority, path, query string) {
	rest, query, _ = strings.Cut(rest, "?")
	authority, path, _ = strings.Cut(rest, "/")
	return authority, path, query
}

// setCredentials reads user:password; errors do not repeat them.
func setCredentials(options *redis.UniversalOptions, userinfo string) error {
	user, password, _ := strings.Cut(userinfo, ":")
	var userErr, passwordErr error
	options.Username, userErr = url.PathUnescape(user)
	options.Password, passwordErr = url.PathUnescape(password)
	if userErr != nil || passwordErr != nil {
		return errors.New("the Redis URL's user or password has a % that is no escape: write it as %25")
	}
	return nil
}

// addresses are the hosts of the URL, with Redis's port where they name none.
func addresses(hosts string) ([]string, error) {
	var all []string
	for address := range strings.SplitSeq(hosts, ",") {
		parsed := &url.URL{Host: address}
		host, port := parsed.Hostname(), parsed.Port()
		if port == "" {
			port = "6379"
		}
		complete := net.JoinHostPort(host, port)
		// Comparing catches what Hostname and Port pass over, such as a port in letters.
		if host == "" || (complete != address && complete != address+":6379") {
			return nil, fmt.Errorf("the Redis URL's addresses must be host:port, separated by commas, as in %s", urlForm)
		}
		all = append(all, complete)
	}
	return all, nil
}

// setParameters reads the query, which may name the master that sentinels watch.
func setParameters(options *redis.UniversalOptions, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the Redis URL's parameters after ? are not well formed: write name=value&name=value")
	}
	known := []string{"master_name", "sentinel_username", "sentinel_password"}
	for name := range values {
		if !slices.Contains(known, name) {
			return fmt.Errorf("the Redis URL has the unknown parameter %q: known are %s", name, strings.Join(known, ", "))
		}
	}
	options.MasterName = values.Get("master_name")
	options.SentinelUsername = values.Get("sentinel_username")
	options.SentinelPassword = values.Get("sentinel_password")
	return nil
}
