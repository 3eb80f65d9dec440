package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Token is one token that opens the API, or a part of it. Its secret is not kept.
type Token struct {
	Name string   // for the log, and for what is decided by hand
	Hash [32]byte // SHA-256 of the secret

	Projects     []string // project keys whose issues it opens; nil: all
	Integrations []string // integrations whose repositories it opens, "" standing for those named one by one; nil: all
	ReadOnly     bool     // it opens no route that changes anything
}

// SetTokens replaces the tokens from the next request on. Without any, everybody may ask everything: whether
// that is meant is for the caller to know. Answers that go on and on end, so that nobody follows with a token that was withdrawn.
func (s *Server) SetTokens(tokens []Token) {
	grants := make([]*access, len(tokens))
	for i, t := range tokens {
		t.Projects, t.Integrations = slices.Clone(t.Projects), slices.Clone(t.Integrations)
		grants[i] = &access{token: t, census: s.census}
	}
	s.grants.Store(&grants)
}

// guarded reports whether tokens are configured.
func (s *Server) guarded() bool { return len(*s.grants.Load()) > 0 }

// authorize finds what the token opens that a request bears. The time it takes depends neither on how much of a token is
// right nor on which one it is.
func (s *Server) authorize(h http.Header, to route) (*access, error) {
	secret, ok := bearer(h)
	if !ok && to.basic {
		secret, ok = password(h)
	}
	if !ok && to.basic {
		return nil, problemf(unauthorized, "send the header \"Authorization: Bearer\" with one of the configured tokens, or basic authentication "+
			"with any user name and the token as password")
	}
	if !ok {
		return nil, problemf(unauthorized, "send the header \"Authorization: Bearer\" with one of the configured tokens")
	}
	hash := sha256.Sum256([]byte(secret))
	var found *access
	for _, a := range *s.grants.Load() {
		if subtle.ConstantTimeCompare(a.token.Hash[:], hash[:]) == 1 {
			found = a
		}
	}
	if found == nil {
		return nil, problemf(unauthorized, "the token is none of the configured ones: compare it with auth.tokens in the configuration")
	}
	return found, nil
}

// bearer reads the credentials of RFC 6750 section 2.1. Two Authorization headers are as good as none.
func bearer(h http.Header) (secret string, ok bool) { return credentials(h, "Bearer") }

// password reads the password of RFC 7617 section 2. Whatever the user name is: clients that know no other way have one.
func password(h http.Header) (secret string, ok bool) {
	text, ok := credentials(h, "Basic")
	if !ok {
		return "", false
	}
	pair, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", false
	}
	_, secret, ok = strings.Cut(string(pair), ":")
	return secret, ok && secret != ""
}

// credentials reads what follows the name of a scheme in the only Authorization header.
func credentials(h http.Header, scheme string) (text string, ok bool) {
	fields := h.Values("Authorization")
	if len(fields) != 1 {
		return "", false
	}
	given, text, _ := strings.Cut(fields[0], " ")
	text = strings.TrimLeft(text, " ")
	return text, strings.EqualFold(given, scheme) && text != ""
}
