// Command provider is an OpenID Connect provider that stands in for the operator's
// customer centre: in Kontor's tests, and for whoever tries Kontor on a laptop. It is a
// module of its own, so that Kontor does not depend on what it is made of.
//
// It knows a few people by access number and personal password, lets them log in with the
// browser (authorization code, PKCE with S256 demanded) or by the password grant, and
// knows some whose ID tokens are wrong, which no client may believe.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:9400", "address to listen on")
	redirect := flag.String("redirect", "http://localhost:8080/customer-centre/callback", "redirect URI of the client")
	clientID := flag.String("client-id", "kontor", "ID of the client")
	secret := flag.String("client-secret", "", "secret of the client; empty: a new one")
	flag.Parse()
	if *secret == "" {
		*secret = rand.Text()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", *addr, err)
	}
	issuer := "http://" + listener.Addr().String()
	handler, err := newHandler(issuer, newStorage(&client{id: *clientID, secret: *secret, redirect: *redirect}))
	if err != nil {
		return err
	}
	fmt.Printf("The customer centre listens on %s. Start Kontor in another terminal:\n\n"+
		"  KONTOR_CENTRE_ISSUER=%s KONTOR_CENTRE_CLIENT_ID=%s KONTOR_CENTRE_CLIENT_SECRET=%s make run\n\nAccess numbers and personal passwords:\n\n",
		issuer, issuer, *clientID, *secret)
	for _, p := range people {
		if p.wrong == "" {
			fmt.Printf("  %s  %s  (%s)\n", p.number, password, p.name)
		}
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// password is everybody's.
const password = "Zugang-2026!"

// person is somebody whom the customer centre knows.
type person struct{ number, subject, name, wrong string }

// people are those with tokens as they should be, and those whose tokens are wrong.
var people = []person{
	{"5500001001", "kc-1001", "Martha Hansen", ""},
	{"5500001002", "kc-1002", "Moritz Hansen", ""},
	{"5500001003", "kc-1003", "Maik Alster", ""},
	{"5500009001", "kc-9001", "for another client", "audience"},
	{"5500009002", "kc-9002", "for two clients", "party"},
	{"5500009003", "kc-9003", "of another issuer", "issuer"},
	{"5500009004", "kc-9004", "signed by somebody else", "signature"},
	{"5500009005", "kc-9005", "not signed", "unsigned"},
	{"5500009006", "kc-9006", "expired", "expired"},
	{"5500009007", "kc-9007", "of another login", "nonce"},
	{"5500009008", "kc-9008", "about nobody", "subject"},
	{"5500009009", "kc-9009", "without a token", "missing"},
	{"5500009010", "kc-9010", "signed with the client's secret", "symmetric"},
	{"5500009011", "kc-9011", "very large", "large"},
	{"5500009012", "kc-9012", "sent elsewhere", "redirect"},
	{"5500009013", "kc-9013", "from another issuer in the browser", "iss"},
	{"5500009014", "kc-9014", "from no issuer in the browser", "noiss"},
}

func byNumber(number string) (person, bool) {
	for _, p := range people {
		if p.number == strings.TrimSpace(number) {
			return p, true
		}
	}
	return person{}, false
}

func bySubject(subject string) person {
	for _, p := range people {
		if p.subject == subject {
			return p
		}
	}
	return person{}
}
