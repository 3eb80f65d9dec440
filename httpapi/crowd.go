package httpapi

import (
	"context"
	"sync"
	"time"
)

// crowd counts the requests under way by the token that they bear, all without one together, and lets no token have more than a limit:
// one client with many connections shall not keep the others waiting. As many again wait for a while before they are
// turned away: a client that uses its limit to the full has its next request here before its last one has quite ended.
type crowd struct {
	patience time.Duration

	mu     sync.Mutex
	limit  int // 0: none
	inside map[string]int
	line   map[string]int // waiting
	moved  chan struct{}  // closed when somebody leaves or the limit changes; nil while nobody waits
}

const (
	crowdPatience = 2 * time.Second
	retryRequest  = "1" // when a request that was one too many may come again, in seconds
)

func newCrowd(limit int) crowd {
	return crowd{patience: crowdPatience, limit: limit, inside: map[string]int{}, line: map[string]int{}}
}

// enter lets a request in, now or when another has ended, or says that it is one too many. One that was let in calls leave at
// its end.
func (c *crowd) enter(ctx context.Context, token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hasRoom(token) {
		c.inside[token]++
		return nil
	}
	if c.line[token] >= c.limit {
		return c.tooMany(token)
	}
	c.line[token]++
	defer release(c.line, token)
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	for !c.hasRoom(token) {
		if c.moved == nil {
			c.moved = make(chan struct{})
		}
		moved := c.moved
		c.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
		c.mu.Lock()
		if ctx.Err() != nil && !c.hasRoom(token) {
			return c.tooMany(token)
		}
	}
	c.inside[token]++
	return nil
}

// hasRoom needs the lock.
func (c *crowd) hasRoom(token string) bool { return c.limit == 0 || c.inside[token] < c.limit }

func (c *crowd) tooMany(token string) error {
	whose := "with this token"
	if token == "" {
		whose = "without a token"
	}
	return problemf(tooManyRequests, "%d requests %s are under way, which is the limit (limits.requests_per_token), and none ended in time: ask again later",
		c.inside[token], whose)
}

// leave counts a request out.
func (c *crowd) leave(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	release(c.inside, token)
	c.wake()
}

func (c *crowd) wake() {
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// release counts one of a token less. Who has none any more is forgotten.
func release(of map[string]int, token string) {
	if of[token]--; of[token] == 0 {
		delete(of, token)
	}
}

// setLimit replaces the limit. Requests under way stay.
func (c *crowd) setLimit(limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.wake()
}

// SetRequestsPerToken replaces how many requests with one token may be under way at a time, and without tokens all together; 0: any
// number.
func (s *Server) SetRequestsPerToken(limit int) { s.crowd.setLimit(limit) }
