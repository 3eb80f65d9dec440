// Package host is where git hosts are known: what they all are to keytrail, with one folder below for each kind.
//
// A host is an account that yields many repositories: [Host]. What only some can do is an interface of its own, found by a type
// assertion: [Webhooks], [Confirmer], [PullRequests], [BranchCreator], [PullRequestCreator]. [Discover] lists a host's repositories, narrowed
// by the filter of its configuration.
//
// To add a host:
//
//  1. Make a folder here, named after it, with New(host.Config) (host.Host, error). New checks the configuration and asks nothing.
//  2. Make a client of package hostapi with hostapi.For: the host's base URL and a function that authorises a request. It brings retries,
//     back-off, rate limits, caps, refusal of foreign links and redirects, and errors of this package without secrets. What a
//     caller has made, maybe with a token of their own, goes through Client.For, and pull requests through Client.InBackground.
//  3. List: follow the host's pages to the end and give all as one document in the host's own envelope, unknown keys included,
//     for users write filters against the host's own documentation. Any page that fails fails the list.
//  4. Select: turn a document into repositories with [Repositories] and [Object].
//  5. Credentials: what git sends to the clone URL. Check the URL's origin with [Origins] in Select: credentials go there.
//  6. Webhooks: compare with [VerifyHMAC], [VerifyToken], [VerifyBasic] or [VerifyURL]; never look at a body before it is verified.
//  7. Put recorded answers in testdata and run hosttest.Run over them.
//  8. Add the constructor to the daemon's wiring: one line.
package host

import (
	"context"
	"fmt"
	"io"
)

// Repository is a repository as its host tells of it.
type Repository struct {
	ID            string // the host's own, which a rename or a move does not change
	Name          string // full path, as "acme/shop"
	CloneHTTP     string // without credentials; of a folder a path on this machine; empty when the host gives none
	CloneSSH      string // as ssh://user@host/path or user@host:path; empty when the host gives none
	WebURL        string // for people; empty when there is none
	DefaultBranch string // short, as "main"; empty when unknown
	Archived      bool   // read only
	Disabled      bool   // listed, but not to be fetched
	Empty         bool   // has no commit, as far as the host says
}

// Host is an account on a git host. Its methods may be called at the same time. Every error is an [*Error] or the context's, and
// holds no secret.
type Host interface {
	// List gives all repositories that the account sees as one JSON document (nil, bool, float64, string, []any, map[string]any)
	// in the host's own envelope. There is no partial list: it is whole or an error.
	List(ctx context.Context) (document any, err error)
	// Select gives the repositories of such a document, which a filter may have narrowed, reordered, or taken out of its
	// envelope. A document of another shape is ErrShape, a clone URL at an origin that is not the host's ErrOrigin.
	Select(document any) ([]Repository, error)
	// Credentials gives what git sends to a repository's CloneHTTP now. Tokens expire: it is asked before every request and
	// keeps for itself what is still good. The zero value is anonymous. Of the repository ID, Name and CloneHTTP count.
	Credentials(ctx context.Context, r Repository) (Credentials, error)
}

// Credentials are a user name and password for basic authentication, or a bearer token, which goes before them.
type Credentials struct{ Username, Password, Bearer string }

// TokenCredentials gives a token as a password beside a user name, which hosts want although the token says all.
func TokenCredentials(ctx context.Context, username string, token Secret) (Credentials, error) {
	text, err := token(ctx)
	if err != nil {
		return Credentials{}, &Error{Kind: ErrAuth, Text: "the token cannot be read", Err: err}
	}
	return Credentials{Username: username, Password: text}, nil
}

const redacted = "[redacted]"

// String hides the credentials, the user name too, which for some hosts is the token.
func (Credentials) String() string { return redacted }

// Format hides them from every verb of package fmt.
func (Credentials) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText hides them from JSON and from logs.
func (Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }
