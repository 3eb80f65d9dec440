package httpapi

import "sync"

// crowd counts the requests under way by the token that they bear, all without one together, and lets no token have more than a limit:
// one client with many connections shall not keep the others waiting.
type crowd struct {
	mu     sync.Mutex
	limit  int // 0: none
	inside map[string]int
}

// retryRequest is when a request that was one too many may come again, in seconds.
const retryRequest = "1"

// enter lets a request in, or says that it is one too many. One that was let in calls leave at its end.
func (c *crowd) enter(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 && c.inside[token] >= c.limit {
		whose := "with this token"
		if token == "" {
			whose = "without a token"
		}
		return problemf(tooManyRequests, "%d requests %s are under way, which is the limit (limits.requests_per_token): ask again when one has ended",
			c.limit, whose)
	}
	c.inside[token]++
	return nil
}

// leave counts a request out. Who has none under way is forgotten.
func (c *crowd) leave(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inside[token]--; c.inside[token] == 0 {
		delete(c.inside, token)
	}
}

// setLimit replaces the limit. Requests under way stay.
func (c *crowd) setLimit(limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
}

// SetRequestsPerToken replaces how many requests with one token may be under way at a time, and without tokens all together; 0: any
// number.
func (s *Server) SetRequestsPerToken(limit int) { s.crowd.setLimit(limit) }
