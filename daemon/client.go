package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// source is the flags that say which index a command asks.
type source struct {
	Data      string `help:"Data directory to read. No daemon may be using it." placeholder:"DIR" xor:"source" required:""`
	URL       string `help:"Running daemon to ask, as http://127.0.0.1:8790." placeholder:"URL" xor:"source" required:""`
	Config    string `help:"Configuration whose key rules apply with --data; without one, the defaults." placeholder:"FILE" type:"path"`
	TokenFile string `help:"File with the daemon's bearer token; else the environment variable KEYTRAIL_TOKEN." placeholder:"FILE"`
}

// client asks the HTTP API.
type client struct {
	base  string
	token string
	http  *http.Client
	close func() error
}

// waitForAnswer bounds how long a daemon may take to begin an answer.
const waitForAnswer = 30 * time.Second

// open connects to the index that the flags name. The caller closes the client.
func (s *source) open(p Process) (*client, error) {
	if s.Data != "" {
		rules, err := keyRules(s.Config)
		if err != nil {
			return nil, usageError{err}
		}
		return openInProcess(dataDir(s.Data), rules, p)
	}
	if s.Config != "" {
		return nil, usageError{errors.New("--config goes with --data: a daemon has its own configuration")}
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usageError{fmt.Errorf("--url %.80q: want the address of a daemon, as http://127.0.0.1:8790", s.URL)}
	}
	if u.User != nil {
		return nil, usageError{errors.New("--url must hold no password: put the token into a file and name it with --token-file")}
	}
	token := os.Getenv("KEYTRAIL_TOKEN")
	if s.TokenFile != "" {
		b, err := os.ReadFile(s.TokenFile)
		if err != nil {
			return nil, usageError{fmt.Errorf("--token-file: %w", err)}
		}
		token = strings.TrimSpace(string(b))
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = waitForAnswer
	return &client{
		base:  strings.TrimSuffix(u.String(), "/"),
		token: token,
		http:  &http.Client{Transport: transport},
		close: func() error { transport.CloseIdleConnections(); return nil },
	}, nil
}

// get asks for a path below the base and decodes the JSON answer.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	body, err := c.stream(ctx, path, query)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("decode the daemon's answer: %w", err)
	}
	return nil
}

// stream asks for a path below the base and gives the body of a good answer.
func (c *client) stream(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	return nil, problemOf(response)
}

// problemOf makes an error of an answer that is none.
func problemOf(response *http.Response) error {
	var problem struct {
		Title, Detail string
	}
	const most = 64 << 10
	if err := json.NewDecoder(io.LimitReader(response.Body, most)).Decode(&problem); err != nil || problem.Title == "" {
		return fmt.Errorf("the server answered %s; is it a keytrail daemon?", response.Status)
	}
	err := errors.New(strings.TrimSuffix(problem.Title+": "+problem.Detail, ": "))
	switch response.StatusCode {
	case http.StatusBadRequest:
		return usageError{err}
	case http.StatusUnauthorized:
		return fmt.Errorf("%w; name the token with --token-file or KEYTRAIL_TOKEN", err)
	}
	return err
}
