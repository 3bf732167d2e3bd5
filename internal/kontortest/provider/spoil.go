package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// spoil sends a held answer of the token endpoint, with a wrong ID token if it is about
// somebody who is there for that.
func spoil(held *heldAnswer, s *storage) {
	var tokens map[string]any
	if held.status == http.StatusOK && json.Unmarshal(held.body.Bytes(), &tokens) == nil {
		if raw, isText := tokens["id_token"].(string); isText {
			claims := claimsOf(raw)
			subject, _ := claims["sub"].(string)
			switch wrong := bySubject(subject).wrong; wrong {
			case "":
			case "missing":
				delete(tokens, "id_token")
			case "large":
				tokens["padding"] = strings.Repeat("x", 2<<20)
			case "redirect":
				held.Header().Set("Location", "/oauth/token?again")
				held.status = http.StatusTemporaryRedirect
			default:
				tokens["id_token"] = wrongToken(wrong, claims, s)
			}
			held.body.Reset()
			_ = json.NewEncoder(&held.body).Encode(tokens)
		}
	}
	held.ResponseWriter.WriteHeader(held.status)
	_, _ = held.ResponseWriter.Write(held.body.Bytes())
}

func claimsOf(raw string) map[string]any {
	claims := map[string]any{}
	if parts := strings.Split(raw, "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	return claims
}

// wrongToken is an ID token with these claims in which one thing is wrong.
func wrongToken(wrong string, claims map[string]any, s *storage) string {
	key := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.key, KeyID: keyID}}
	switch wrong {
	case "audience":
		claims["aud"], claims["azp"] = []string{"another-client"}, "another-client"
	case "party":
		claims["aud"], claims["azp"] = []string{s.client.id, "another-client"}, "another-client"
	case "issuer":
		claims["iss"] = "https://elsewhere.example"
	case "expired":
		claims["exp"], claims["iat"] = 1577836800, 1577836500 // the first minutes of 2020
	case "nonce":
		claims["nonce"] = "of-another-login"
	case "subject":
		delete(claims, "sub")
	case "signature":
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		key.Key = jose.JSONWebKey{Key: other, KeyID: keyID}
	case "symmetric":
		// Where a client takes any algorithm, it takes its own secret for a key.
		key = jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(s.client.secret, 32)[:32])}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	if wrong == "unsigned" {
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(payload) + "."
	}
	signer, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return compact
}
