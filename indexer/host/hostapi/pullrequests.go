package hostapi

import (
	"context"
	"time"

	"keytrail/indexer/host"
)

// PullRequests reads a list of pull requests, the last changed first, to the first that changed before since; the zero time reads all
// pages. The pages are arrays of T, of which read makes what they tell. Nobody waits for such a list, so it is asked for in the background.
func PullRequests[T any](
	ctx context.Context, c *Client, ref string, next Next, read func(T) host.PullRequest, since time.Time,
) ([]host.PullRequest, error) {
	var all []host.PullRequest
	for page, err := range c.InBackground().Pages(ctx, ref, next) {
		if err != nil {
			return nil, err
		}
		var some []T
		if err := page.Decode(&some); err != nil {
			return nil, err
		}
		if some == nil {
			return nil, errNoPullRequest()
		}
		for _, one := range some {
			p, err := Told(read(one))
			if err != nil {
				return nil, err
			}
			if p.Updated.Before(since) {
				return all, nil
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// Told gives a pull request as a host tells of it. Without a number it is none: the answer is another one's, such as a proxy's.
func Told(p host.PullRequest) (host.PullRequest, error) {
	if p.Number == 0 {
		return host.PullRequest{}, errNoPullRequest()
	}
	return p, nil
}

func errNoPullRequest() error {
	return host.Problem(host.ErrAnswer, "the answer holds no pull request: look at the host, or at a proxy before it")
}
