package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	infoRefs     = "/info/refs"
	service      = "service=git-upload-pack"
	maxRedirects = 10
)

// follow asks for the greeting at one place after the other until no redirect is left, and gives the response and where it
// was found. Credentials stay with their origin: a redirect away from it is refused, since without them it would fail in a
// less clear way.
func (c *httpConn) follow(at *url.URL) (*http.Response, *url.URL, error) {
	for range maxRedirects + 1 {
		header := http.Header{
			"Accept":        {advertisementType + ", */*"},
			"Cache-Control": {"no-cache"},
		}
		if c.version > 0 {
			header.Set("Git-Protocol", fmt.Sprintf("version=%d", c.version))
		}
		response, err := c.send(http.MethodGet, at, header, nil)
		if err != nil {
			return nil, nil, err
		}
		if !redirects(response) {
			return response, at, nil
		}
		response.Body.Close()
		if at, err = c.target(at, response.Header.Get("Location")); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, problem(ErrRedirect, "more than %d redirects, the last to %s: configure the repository's final URL",
		maxRedirects, redacted(at))
}

// target is where a redirect leads, if it may be followed.
func (c *httpConn) target(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return nil, problem(ErrRedirect, "a redirect from %s to what is no http URL: look at the server", origin(from))
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	switch {
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, problem(ErrRedirect, "a redirect from %s to %s, which is not encrypted, is not followed: look at the server",
			origin(from), origin(to))
	case origin(from) != origin(to) && !c.o.anonymous():
		return nil, problem(ErrRedirect, "a redirect from %s to %s is not followed with credentials: configure the URL %s if it is trusted",
			origin(from), origin(to), strings.TrimSuffix(redacted(to), infoRefs))
	}
	return to, nil
}

func redirects(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return r.Header.Get("Location") != ""
	}
	return false
}

// below is a URL further down the path of another.
func below(base *url.URL, path string) *url.URL {
	u := *base
	u.Path += path
	if u.RawPath != "" {
		u.RawPath += path
	}
	return &u
}

// above is the repository whose greeting was found at a URL.
func above(final *url.URL) (*url.URL, error) {
	u := *final
	var ok bool
	if u.Path, ok = strings.CutSuffix(u.Path, infoRefs); !ok {
		return nil, problem(ErrRedirect, "a redirect to %s, which does not end with %s: configure the repository's final URL",
			redacted(final), infoRefs)
	}
	u.RawPath = strings.TrimSuffix(u.RawPath, infoRefs)
	u.RawQuery = strings.TrimSuffix(strings.TrimSuffix(u.RawQuery, service), "&")
	return &u, nil
}

func joinQuery(query, more string) string {
	if query == "" {
		return more
	}
	return query + "&" + more
}
