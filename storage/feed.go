package storage

import "time"

// The feed tells every posting that was added or dropped, so that who follows it holds what the index holds. From nothing it
// begins with the postings that there are, and goes on with the changes in the order of the writes that made them.
//
// A follower keeps a set. Added is put into it, dropped is taken out, and each may be told again: what the follower
// holds is the index as soon as a page is AtEnd, not earlier. An addition that was taken back before it is read may be left out. Of one
// write what was dropped comes first; what a push adds comes oldest committer date first and parents before their children, unless
// it adds very many commits.

// FeedCursor is a place in the feed. It is opaque, made by an engine for one index, and survives restarts. The empty one is the
// beginning: from nothing.
type FeedCursor string

// ChangePage is one page of the feed.
type ChangePage struct {
	Changes []PostingChange
	Next    FeedCursor // where the next page begins, also at the end: what comes later
	AtEnd   bool       // nothing lies behind Next yet
}

// PostingChange is one posting that was added or dropped.
type PostingChange struct {
	Posting
	Dropped  bool
	Initial  bool      // told of a repository's first index, of a commit that was there when its index was made anew, or when the follower began
	Sequence uint64    // grows along the feed; the changes of one write share it; of what there was, that of the last write then
	At       time.Time // when the index took it over, by its clock; zero of what there was when the follower began
}
