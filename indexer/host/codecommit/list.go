package codecommit

import (
	"context"
	"slices"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// maxBatch is how many repositories CodeCommit describes at once.
const maxBatch = 100

// identity is what CodeCommit's list has of a repository.
type identity struct {
	ID   string `json:"repositoryId"`
	Name string `json:"repositoryName"`
}

// List gives the metadata of all repositories.
func (h *Host) List(ctx context.Context) (any, error) {
	listed, err := h.identities(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]any, 0, len(listed))
	for batch := range slices.Chunk(listed, maxBatch) {
		some, err := h.describe(ctx, batch)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return map[string]any{"repositories": all}, nil
}

// identities gives all that CodeCommit lists.
func (h *Host) identities(ctx context.Context) ([]identity, error) {
	var all []identity
	err := h.list(ctx, h.api, "ListRepositories", map[string]any{"sortBy": "repositoryName", "order": "ascending"}, func(a hostapi.Answer) (string, error) {
		var page struct {
			Repositories []identity `json:"repositories"`
			Next         string     `json:"nextToken"`
		}
		if err := a.Decode(&page); err != nil {
			return "", err
		}
		if page.Repositories == nil {
			return "", errNoRepositories()
		}
		all = append(all, page.Repositories...)
		return page.Next, nil
	})
	return all, err
}

func errNoRepositories() error {
	return host.Problem(host.ErrAnswer, "the answer holds no repositories, not even an empty list: check the region and the api of the integration")
}

// describe gives the metadata of a batch of repositories, in its order. One of which CodeCommit tells nothing, because its encryption
// key is disabled or it was renamed a moment ago, keeps its id and name: it is there, and must not be taken for deleted.
func (h *Host) describe(ctx context.Context, batch []identity) ([]any, error) {
	names := make([]string, len(batch))
	for i, r := range batch {
		names[i] = r.Name
	}
	answer, err := ask(ctx, h.api, "BatchGetRepositories", map[string]any{"repositoryNames": names})
	if err != nil {
		return nil, err
	}
	var described struct {
		Repositories []map[string]any `json:"repositories"`
	}
	if err := answer.Decode(&described); err != nil {
		return nil, err
	}
	if described.Repositories == nil {
		return nil, errNoRepositories()
	}
	known := make(map[string]any, len(batch))
	for _, r := range described.Repositories {
		known[host.Object(r).ID("repositoryId")] = r
	}
	all := make([]any, len(batch))
	for i, r := range batch {
		if all[i] = known[r.ID]; all[i] == nil {
			all[i] = map[string]any{"repositoryId": r.ID, "repositoryName": r.Name}
		}
	}
	return all, nil
}
