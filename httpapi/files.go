package httpapi

import (
	"context"

	"golang.org/x/sync/errgroup"

	"keytrail/storage"
)

// Limits of lists of files.
const (
	maxListedFiles  = 100  // of each commit of a page
	maxPageFiles    = 100  // commits of a page that tells their files
	maxBatchFiles   = 1000 // commits of a batch that tells their files
	filesAtOnce     = 100  // commits that one question to a repository is about
	filesConcurrent = 4    // questions under way for one request
)

// files reads whether the files of commits are asked for.
func (p params) files() (bool, error) {
	return p.flag("files", false)
}

// addFiles asks the repositories for the files of commits, each repository for all of its commits together. A commit whose
// files cannot be had says why; the error is that of a request that ended.
func (s *Server) addFiles(ctx context.Context, commits []*Commit, maxFiles int) error {
	differ, err := s.differ()
	if err != nil {
		return err
	}
	within, cancel := diffContext(ctx)
	defer cancel()
	byRepository := map[storage.RepositoryID][]*Commit{}
	for _, c := range commits {
		byRepository[c.Repository.ID] = append(byRepository[c.Repository.ID], c)
	}
	options := storage.DiffOptions{MaxFiles: maxFiles, MaxFile: maxDiffFile}
	var g errgroup.Group
	g.SetLimit(filesConcurrent)
	for _, list := range byRepository {
		g.Go(func() error {
			for len(list) > 0 {
				n := min(len(list), filesAtOnce)
				if failed := s.addFilesOf(within, differ, list[:n], options); failed != nil && failed.kind == sourceUnavailable {
					n = len(list) // the rest would wait for the same
					tellWhy(list, failed)
				}
				list = list[n:]
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// addFilesOf asks one repository. It gives the problem that all the commits have.
func (s *Server) addFilesOf(ctx context.Context, differ Differ, commits []*Commit, o storage.DiffOptions) *problem {
	oids := make([]storage.OID, len(commits))
	for i, c := range commits {
		oids[i] = c.SHA
	}
	in := commits[0].Repository
	results, err := differ.Files(ctx, in.ID, oids, o)
	if err != nil {
		failed := problemOf(s.sourceProblem(in, err))
		tellWhy(commits, failed)
		return failed
	}
	pages := s.options.showAgain(ctx, in)
	for i, c := range commits {
		if err := results[i].Err; err != nil {
			c.FilesError = problemOf(s.sourceProblem(in, err)).detail
			continue
		}
		c.Files = filesOf(results[i].Diff.Files)
		pages.linkFiles(*c, c.Files)
		c.FilesTruncated = results[i].Diff.Total > len(c.Files)
	}
	return nil
}

// tellWhy says of commits why they have no files.
func tellWhy(commits []*Commit, failed *problem) {
	for _, c := range commits {
		c.FilesError = failed.detail
	}
}

// pointers gives the commits of pages, to be completed.
func pointers(pages ...Commits) []*Commit {
	var list []*Commit
	for _, page := range pages {
		for i := range page.Commits {
			list = append(list, &page.Commits[i])
		}
	}
	return list
}
