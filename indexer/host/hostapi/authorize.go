package hostapi

import (
	"context"
	"net/http"
	"strings"

	"keytrail/indexer/host"
)

// Bearer says who we are by a bearer token (RFC 6750). No secret is nobody.
func Bearer(token host.Secret) Authorize { return Header("Authorization", "Bearer ", token) }

// Header says who we are by a header field that holds a token after a prefix. No secret is nobody.
func Header(name, prefix string, token host.Secret) Authorize {
	return func(ctx context.Context, request *http.Request) error {
		value, err := read(ctx, token)
		if err == nil && value != "" {
			request.Header.Set(name, prefix+value)
		}
		return err
	}
}

// Basic says who we are by a user name, which may be empty, and a password (RFC 7617). No secret is nobody.
func Basic(username string, password host.Secret) Authorize {
	return func(ctx context.Context, request *http.Request) error {
		value, err := read(ctx, password)
		if err == nil && value != "" {
			request.SetBasicAuth(username, value)
		}
		return err
	}
}

// Constant is a secret that is known already, as that of a caller.
func Constant(text string) host.Secret {
	return func(context.Context) (string, error) { return text, nil }
}

// read gives a secret that can stand in a header (RFC 9110, section 5.5).
func read(ctx context.Context, secret host.Secret) (string, error) {
	if secret == nil {
		return "", nil
	}
	value, err := secret(ctx)
	if err != nil {
		return "", err
	}
	if hasControls(value) {
		return "", host.Problem(host.ErrAuth, "the token holds a line break or another control character: correct where it is kept")
	}
	return value, nil
}

// hasControls tells of what cannot stand in a header.
func hasControls(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}
