package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// Token is one bearer token that opens the API. Its secret is not kept.
type Token struct {
	Name string   // for the log
	Hash [32]byte // SHA-256 of the secret
}

// SetTokens replaces the tokens from the next request on. Without any, everybody may ask everything: whether
// that is meant is for the caller to know.
func (s *Server) SetTokens(tokens []Token) {
	tokens = slices.Clone(tokens)
	s.tokens.Store(&tokens)
}

// guarded reports whether tokens are configured.
func (s *Server) guarded() bool { return len(*s.tokens.Load()) > 0 }

// authorize finds the token that a request bears and gives its name. The time it takes depends neither on
// how much of a token is right nor on which one it is.
func (s *Server) authorize(h http.Header) (name string, err error) {
	secret, ok := bearer(h)
	if !ok {
		return "", problemf(unauthorized, "send the header \"Authorization: Bearer\" with one of the configured tokens")
	}
	hash := sha256.Sum256([]byte(secret))
	found := 0
	for _, t := range *s.tokens.Load() {
		same := subtle.ConstantTimeCompare(t.Hash[:], hash[:])
		found |= same
		if same == 1 {
			name = t.Name
		}
	}
	if found == 0 {
		return "", problemf(unauthorized, "the bearer token is none of the configured ones: compare it with auth.tokens in the configuration")
	}
	return name, nil
}

// bearer reads the credentials of RFC 6750 section 2.1. Two Authorization headers are as good as none.
func bearer(h http.Header) (secret string, ok bool) {
	fields := h.Values("Authorization")
	if len(fields) != 1 {
		return "", false
	}
	scheme, secret, _ := strings.Cut(fields[0], " ")
	secret = strings.TrimLeft(secret, " ")
	return secret, strings.EqualFold(scheme, "Bearer") && secret != ""
}
