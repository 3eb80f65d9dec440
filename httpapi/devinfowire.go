package httpapi

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"keytrail/storage"
)

// The JSON of Jira's development information, as its API takes it: POST /rest/devinfo/0.10/bulk, documented at
// developer.atlassian.com/cloud/jira/software/rest. Limits are those of that page.

// Limits of one request to Jira, and of what is in it.
const (
	maxDevInfoRepositories = 100
	maxDevInfoEntities     = 1000
	maxDevInfoOfKind       = 400  // commits, branches or pull requests
	maxDevInfoText         = 1024 // characters of a message or a title
	maxDevInfoName         = 255  // characters
	maxDevInfoFiles        = 10   // of a commit
	maxDevInfoCount        = 1000 // files of a commit that are counted
	maxDevInfoKeys         = 100  // of an entity
)

// DevInfo is the body of a request to Jira, and two fields to be taken off before it is sent.
type DevInfo struct {
	Repositories       []DevInfoRepository `json:"repositories"`
	PreventTransitions bool                `json:"preventTransitions"` // it tells of the past: nothing is to be set off by it

	Next      string            `json:"next,omitempty"` // cursor of what follows
	Deletions []DevInfoDeletion `json:"deletions"`      // to be sent to Jira one by one, after the body
}

// DevInfoRepository is a repository with some of what it has.
type DevInfoRepository struct {
	ID               string               `json:"id"`
	Name             string               `json:"name"`
	URL              string               `json:"url"`
	UpdateSequenceID uint64               `json:"updateSequenceId"`
	Commits          []DevInfoCommit      `json:"commits"`
	Branches         []DevInfoBranch      `json:"branches"`
	PullRequests     []DevInfoPullRequest `json:"pullRequests"`
}

// DevInfoCommit is a commit that has an issue key.
type DevInfoCommit struct {
	ID               string             `json:"id"`
	Hash             storage.OID        `json:"hash"`
	Message          string             `json:"message"`
	Author           DevInfoAuthor      `json:"author"`
	AuthorTimestamp  string             `json:"authorTimestamp"`
	DisplayID        string             `json:"displayId"`
	FileCount        int                `json:"fileCount"` // 0 unless files are asked for
	Files            []DevInfoFile      `json:"files,omitempty"`
	Flags            []string           `json:"flags,omitempty"` // MERGE_COMMIT
	URL              string             `json:"url"`
	IssueKeys        []storage.IssueKey `json:"issueKeys"`
	UpdateSequenceID uint64             `json:"updateSequenceId"`
}

// DevInfoAuthor is who wrote something.
type DevInfoAuthor struct {
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
}

// DevInfoFile is a file that a commit changed.
type DevInfoFile struct {
	Path         string `json:"path"`
	URL          string `json:"url"`
	ChangeType   string `json:"changeType"`
	LinesAdded   int    `json:"linesAdded"`
	LinesRemoved int    `json:"linesRemoved"`
}

// DevInfoBranch is a branch whose name holds an issue key.
type DevInfoBranch struct {
	ID               string             `json:"id"`
	Name             string             `json:"name"`
	URL              string             `json:"url"`
	LastCommit       DevInfoCommit      `json:"lastCommit"`
	IssueKeys        []storage.IssueKey `json:"issueKeys"`
	UpdateSequenceID uint64             `json:"updateSequenceId"`
}

// DevInfoPullRequest is a pull request that has an issue key.
type DevInfoPullRequest struct {
	ID                string             `json:"id"`
	DisplayID         string             `json:"displayId"`
	Title             string             `json:"title"`
	Status            string             `json:"status"` // OPEN, MERGED, DECLINED or UNKNOWN
	Author            DevInfoAuthor      `json:"author"`
	CommentCount      int                `json:"commentCount"` // not known: 0
	SourceBranch      string             `json:"sourceBranch"`
	DestinationBranch string             `json:"destinationBranch"`
	LastUpdate        string             `json:"lastUpdate"`
	URL               string             `json:"url"`
	IssueKeys         []storage.IssueKey `json:"issueKeys"`
	UpdateSequenceID  uint64             `json:"updateSequenceId"`
}

// DevInfoDeletion is a DELETE request that takes from Jira what has no issue key any more.
type DevInfoDeletion struct {
	Method string `json:"method"` // DELETE
	Path   string `json:"path"`   // below Jira's address, with its query
}

// devInfoTime is the form of times.
const devInfoTime = "2006-01-02T15:04:05-07:00"

// cut gives the first characters of a text.
func cut(text string, characters int) string {
	if len(text) <= characters || utf8.RuneCountInString(text) <= characters {
		return text
	}
	for i := range text {
		if characters == 0 {
			return text[:i]
		}
		characters--
	}
	return text
}

// devInfoID is the id of a repository at Jira.
func devInfoID(id storage.RepositoryID) string { return strconv.FormatUint(uint64(id), 10) }

// page gives the address of a repository that Jira demands: for people, or where it is fetched from; else one that leads nowhere.
func (in *shown) page() string {
	fetched := in.repository.URL
	if !strings.HasPrefix(fetched, "https://") && !strings.HasPrefix(fetched, "http://") {
		fetched = ""
	}
	return cmp.Or(in.repository.WebURL, fetched, "urn:keytrail:repository:"+devInfoID(in.ID))
}

func devInfoRepositoryOf(in *shown, sequence uint64) DevInfoRepository {
	return DevInfoRepository{
		ID: devInfoID(in.ID), Name: cut(in.Name, maxDevInfoName), URL: in.page(), UpdateSequenceID: sequence,
		Commits: []DevInfoCommit{}, Branches: []DevInfoBranch{}, PullRequests: []DevInfoPullRequest{},
	}
}

func devInfoCommitOf(c Commit, in *shown, sequence uint64) DevInfoCommit {
	made := DevInfoCommit{
		ID: c.SHA.String(), Hash: c.SHA, Message: cut(c.Message, maxDevInfoText),
		Author:          DevInfoAuthor{Name: cut(c.Author.Name, maxDevInfoName), Email: cut(c.Author.Email, maxDevInfoName)},
		AuthorTimestamp: c.Author.Date.Format(devInfoTime), DisplayID: c.SHA.String()[:7], FileCount: len(c.Files),
		URL: cmp.Or(c.URL, in.page()), IssueKeys: firstKeys(c.Keys), UpdateSequenceID: sequence,
	}
	if c.Merge {
		made.Flags = []string{"MERGE_COMMIT"}
	}
	for _, f := range c.Files[:min(len(c.Files), maxDevInfoFiles)] {
		made.Files = append(made.Files, DevInfoFile{
			Path: f.Path, URL: cmp.Or(f.URL, made.URL), ChangeType: devInfoChange(f.Change), LinesAdded: f.Added, LinesRemoved: f.Removed,
		})
	}
	return made
}

func devInfoChange(c storage.Change) string {
	switch c {
	case storage.ChangeAdded:
		return "ADDED"
	case storage.ChangeDeleted:
		return "DELETED"
	case storage.ChangeModified, storage.ChangeTypeChanged:
		return "MODIFIED"
	case storage.ChangeRenamed:
		return "MOVED"
	}
	return "UNKNOWN"
}

// firstKeys gives as many keys as Jira takes of one entity.
func firstKeys(keys []storage.IssueKey) []storage.IssueKey {
	return keys[:min(len(keys), maxDevInfoKeys)]
}

func devInfoPullRequestOf(p PullRequest, in *shown, sequence uint64) DevInfoPullRequest {
	made := DevInfoPullRequest{
		ID: p.ID, DisplayID: "#" + cmp.Or(number(p.Number), p.ID), Title: cut(p.Title, maxDevInfoText), Status: "UNKNOWN",
		Author: DevInfoAuthor{Name: cut(p.Author, maxDevInfoName)}, SourceBranch: cut(p.Source, maxDevInfoName),
		DestinationBranch: cut(p.Target, maxDevInfoName), URL: cmp.Or(p.URL, in.page()), IssueKeys: firstKeys(p.Keys), UpdateSequenceID: sequence,
	}
	switch p.State {
	case storage.PullRequestOpen:
		made.Status = "OPEN"
	case storage.PullRequestMerged:
		made.Status = "MERGED"
	case storage.PullRequestDeclined:
		made.Status = "DECLINED"
	}
	var updated time.Time
	for _, at := range []*time.Time{p.Created, p.Updated} {
		if at != nil {
			updated = *at
		}
	}
	made.LastUpdate = updated.Format(devInfoTime)
	return made
}

// devInfoDeletion has Jira forget a commit, or with no commit a whole repository, unless it has heard of it later.
func devInfoDeletion(id storage.RepositoryID, oid storage.OID, sequence uint64) DevInfoDeletion {
	path := "/rest/devinfo/0.10/repository/" + url.PathEscape(devInfoID(id))
	if !oid.IsZero() {
		path += "/commit/" + oid.String()
	}
	return DevInfoDeletion{Method: "DELETE", Path: fmt.Sprintf("%s?_updateSequenceId=%d", path, sequence)}
}
