package hostapi

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"keytrail/indexer/host"
)

// maxList is how many bytes all pages of a list may have.
const maxList = 1 << 30

// Page is one page of a list.
type Page struct {
	Answer
	Content any // the body as a document
}

// Next gives the reference of the page after one, as Do takes it; empty after the last.
type Next func(Page) (ref string, err error)

// Pages gives the pages of a list from ref on. An error is the last that it gives. A host that sends in circles or without end is
// stopped.
func (c *Client) Pages(ctx context.Context, ref string, next Next) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		seen := map[string]bool{}
		var total int64
		for ref != "" {
			page, err := c.page(ctx, ref)
			total += int64(len(page.Body))
			seen[ref] = true
			switch {
			case err != nil:
			case total > maxList:
				err = host.Problem(host.ErrTooLarge, "the list has more than %d bytes: let the host list less, by an organisation or api_path", maxList)
			default:
				ref, err = next(page)
			}
			switch {
			case err != nil:
			case seen[ref]:
				err = host.Problem(host.ErrAnswer, "the link to the next page leads to one already read: look at the host, or at a proxy before it")
			case len(seen) == c.options.Limits.Pages && ref != "":
				err = host.Problem(host.ErrTooLarge, "the list has more than %d pages: let the host list less, by an organisation or api_path", len(seen))
			}
			if err != nil {
				yield(Page{}, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// page asks for one page.
func (c *Client) page(ctx context.Context, ref string) (Page, error) {
	answer, err := c.Get(ctx, ref)
	if err != nil {
		return Page{}, err
	}
	content, err := answer.Document()
	if err != nil {
		return Page{}, fmt.Errorf("a page of the list: %w", err)
	}
	return Page{answer, content}, nil
}

// Collect gives the elements of all pages of a list. They are at key of each page's object; with no key the page is the array itself.
func (c *Client) Collect(ctx context.Context, ref, key string, next Next) ([]any, error) {
	all := []any{}
	for page, err := range c.Pages(ctx, ref, next) {
		if err != nil {
			return nil, err
		}
		content := page.Content
		if key != "" {
			object, _ := content.(map[string]any)
			content = object[key]
		}
		list, ok := content.([]any)
		if !ok {
			return nil, host.Problem(host.ErrAnswer, "a page of the list is not what the host documents: check the url and api_path of the integration")
		}
		all = append(all, list...)
	}
	return all, nil
}

// LinkNext follows the link with the relation next in the header Link (RFC 8288), as GitHub, GitLab and Gitea have it.
func LinkNext(p Page) (string, error) {
	for _, field := range p.Header.Values("Link") {
		for field != "" {
			_, link, _ := strings.Cut(field, "<")
			target, rest, _ := strings.Cut(link, ">")
			parameters, _, _ := strings.Cut(rest, "<")
			if isNext(parameters) {
				return target, nil
			}
			field = rest
		}
	}
	return "", nil
}

// isNext tells whether a link's parameters hold the relation next.
func isNext(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.Trim(parameter, " ,\t"), "=")
		if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
			return true
		}
	}
	return false
}
