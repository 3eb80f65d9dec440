package httpapi

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytrail/storage"
)

// Differ asks repositories what commits changed. Its errors are *storage.SourceError, or end with the context; a repository
// that it does not know is storage.ErrNotFound.
type Differ interface {
	// Diff gives what a commit changed against its first parent.
	Diff(ctx context.Context, id storage.RepositoryID, oid storage.OID, o storage.DiffOptions) (storage.Diff, error)
	// Files gives what each of several commits of a repository changed, in their order.
	Files(ctx context.Context, id storage.RepositoryID, oids []storage.OID, o storage.DiffOptions) ([]storage.DiffResult, error)
}

// Limits of diffs. What a request asks for beyond the most is refused.
const (
	diffTimeout = time.Minute // for the repository to answer

	maxDiffFile = 1 << 20 // bytes of a file that is counted and shown

	defaultDiffBytes, maxDiffBytes     = 1 << 20, 16 << 20 // of the patch
	defaultDiffFiles, maxDiffFiles     = 1000, 10_000
	defaultDiffContext, maxDiffContext = 3, 1000 // lines
)

// patchType is what a patch without JSON around it is served as.
const patchType = "text/x-diff"

func (s *Server) diff(w *response, r *http.Request) error {
	commit, p, err := s.readCommit(r, "context", "max_bytes", "max_files", "format")
	if err != nil {
		return err
	}
	options, err := p.diffOptions()
	if err != nil {
		return err
	}
	format, err := p.oneOf("format", "json", "patch")
	if err != nil {
		return err
	}
	differ, err := s.differ()
	if err != nil {
		return err
	}
	ctx, cancel := diffContext(r.Context())
	defer cancel()
	found, err := differ.Diff(ctx, commit.Repository.ID, commit.SHA, options)
	if err != nil {
		return s.sourceProblem(commit.Repository, err)
	}
	w.Header().Set("Vary", "Accept")
	if format == "patch" || format == "" && prefers(r, patchType) {
		s.answerTagged(w, r, patchType, []byte(found.Patch+endMark(found)))
		return nil
	}
	body := DiffOf(found, commit.Repository)
	s.options.showAgain(r.Context(), commit.Repository).linkFiles(commit, body.Files)
	s.answer(w, r, body)
	return nil
}

// diffContext limits the time that a repository has to answer.
func diffContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, diffTimeout, &problem{sourceUnavailable,
		"the repository's objects did not come within " + diffTimeout.String() + ": ask again, what has come is kept for a while"})
}

func (s *Server) differ() (Differ, error) {
	if s.options.Differ == nil {
		return nil, problemf(diffNotServed, "this process reads the index only, not the repositories: ask the daemon (keytrail serve)")
	}
	return s.options.Differ, nil
}

// diffOptions reads the limits of a diff.
func (p params) diffOptions() (o storage.DiffOptions, err error) {
	o.MaxFile = maxDiffFile
	if o.MaxPatch, err = p.number("max_bytes", 1, maxDiffBytes, defaultDiffBytes); err != nil {
		return o, err
	}
	if o.MaxFiles, err = p.number("max_files", 1, maxDiffFiles, defaultDiffFiles); err != nil {
		return o, err
	}
	o.Context, err = p.number("context", 0, maxDiffContext, defaultDiffContext)
	return o, err
}

// number reads a parameter that is a whole number within bounds.
func (p params) number(name string, least, most, unsaid int) (int, error) {
	text := p.text(name)
	if text == "" {
		return unsaid, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, problemf(badParameter, "%s %s: want a number from %d to %d", name, quote(text), least, most)
	}
	return n, nil
}

// prefers reports whether a request prefers a media type to JSON: it accepts it by name, with a weight (RFC 9110, section
// 12.4.2) not below that of JSON.
func prefers(r *http.Request, wanted string) bool {
	var given, json float64
	closest := 0 // of the ranges that JSON is in: the most precise decides
	for _, field := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(field, ",") {
			media, params, err := mime.ParseMediaType(one)
			if err != nil {
				continue
			}
			if media == wanted {
				given = weight(params)
			}
			if at := slices.Index([]string{"", "*/*", "application/*", "application/json"}, media); at > closest {
				closest, json = at, weight(params)
			}
		}
	}
	return given > 0 && given >= json
}

// weight reads the weight of a range of media types, from 0 to 1; one that cannot be read is 0.
func weight(params map[string]string) float64 {
	text, isSaid := params["q"]
	if !isSaid {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// endMark says below a patch what is not in it. Programs that apply patches pass over the line.
func endMark(d storage.Diff) string {
	if !d.PatchTruncated {
		return ""
	}
	return fmt.Sprintf("# truncated: the commit changes %d files, of which some are not in this patch on account of its limits\n", d.Total)
}

// sourceProblem makes a problem of what a repository failed with, and notes the whole failure in the log.
func (s *Server) sourceProblem(in RepositoryRef, err error) error {
	failed, isSource := errors.AsType[*storage.SourceError](err)
	if !isSource && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	switch {
	case errors.Is(err, storage.ErrDiffTooLarge):
		s.options.Log.Info().Err(err).Uint32("repo_id", uint32(in.ID)).Msg("a commit is beyond the limits of diffs")
	case isSource:
		s.options.Log.Warn().Err(err).Uint32("repo_id", uint32(in.ID)).Str("class", string(failed.Class)).Msg("a repository did not show a commit")
	}
	switch {
	case !isSource:
		return problemf(repositoryNotFound, "repository %d is not in the configuration that runs: GET /api/v1/repositories lists them", in.ID)
	case errors.Is(err, storage.ErrNoObjects):
		return problemf(objectsRefused, "the server of repository %d does not hand out the files of single commits: allow it there "+
			"(uploadpack.allowAnySHA1InWant, or protocol version 2), or set objects: full; of a partial or cut clone, fetch the rest", in.ID)
	case errors.Is(err, storage.ErrDiffTooWide):
		return problemf(diffTooLarge, "this commit changes more files than are compared for one answer: use git")
	case errors.Is(err, storage.ErrDiffTooLarge):
		return problemf(diffTooLarge, "the directories of this commit are more than is fetched for one answer: use git, or set objects: full")
	case failed.Class == storage.ClassFull:
		return problemf(diskFull, "there is no space left for the files of this commit: free some")
	case failed.Class == storage.ClassBug:
		return problemf(internal, "the request met a bug: the log of the daemon shows where; please report it")
	case failed.Class == storage.ClassTransient, failed.Class == storage.ClassThrottled, failed.Class == storage.ClassFenced:
		return problemf(sourceUnavailable, "repository %d cannot be read at the moment (%s): ask again later; the log of the daemon says more", in.ID, failed.Class)
	}
	return problemf(sourceFailed, "repository %d cannot be read (%s): the log of the daemon says why, and GET /api/v1/repositories/%d "+
		"once it is looked at", in.ID, failed.Class, in.ID)
}
