package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"keytrail/storage"
)

// ndjson is the form in which the feed is read at once.
const ndjson = "application/x-ndjson"

// feedLine is as much of a line of the feed as counts here. The last one of a page has no operation but tells whether the end is reached.
type feedLine struct {
	Op         string      `json:"op"`
	Key        string      `json:"key"`
	SHA        storage.OID `json:"sha"`
	Repository struct {
		Name string `json:"name"`
	} `json:"repository"`
	AtEnd bool `json:"at_end"`
}

// followFeed follows the feed from nothing to its end, in each round, and holds what it tells against the export.
func (q *queryRun) followFeed(ctx context.Context, d *daemon) error {
	var rates, sizes []float64
	for round := range q.Rounds {
		body, took, err := d.wholeFeed(ctx)
		if err != nil {
			return fmt.Errorf("the feed: %w", err)
		}
		told, err := q.key.checkFeed(body)
		if err != nil {
			return fmt.Errorf("the feed: %w", err)
		}
		rates = append(rates, float64(told)/took.Seconds())
		sizes = append(sizes, float64(len(body))/float64(told))
		fmt.Fprintf(q.log, "round %d of %d, the feed from nothing: %d postings in %.2f s\n", round+1, q.Rounds, told, took.Seconds())
	}
	q.report.Feed, q.report.FeedLine = series(rates), series(sizes)
	return nil
}

// wholeFeed reads the feed from nothing. The time is that until the last byte is here.
func (d *daemon) wholeFeed(ctx context.Context) (body []byte, took time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address+"/api/v1/changes", nil)
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Accept", ndjson)
	began := time.Now()
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(answer.Body); err != nil {
		return nil, 0, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("status %d: %.200s", answer.StatusCode, all.Bytes())
	}
	return all.Bytes(), time.Since(began), nil
}

// checkFeed holds what a follower has at the end against the export, without the repository that keeps the daemon busy. It
// counts what was told of all.
func (k *answerKey) checkFeed(body []byte) (told int, err error) {
	type posting struct {
		key string
		oid storage.OID
	}
	held := make(map[posting]bool, len(k.postings))
	isWhole := false
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		var line feedLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return 0, err
		}
		isWhole = line.AtEnd
		if line.Op == "" {
			continue
		}
		told++
		if line.Repository.Name != otherName {
			held[posting{line.Key, line.SHA}] = line.Op == "add"
		}
	}
	if !isWhole {
		return 0, fmt.Errorf("it ends before its end")
	}
	wanted := 0
	for i := range k.issues {
		for _, oid := range k.issues[i].oids {
			if !held[posting{k.issues[i].text, oid}] {
				return 0, fmt.Errorf("it lacks commit %s of %s, which the export has", oid, k.issues[i].text)
			}
			wanted++
		}
	}
	for _, isHeld := range held {
		if isHeld {
			wanted--
		}
	}
	if wanted != 0 {
		return 0, fmt.Errorf("it tells %d postings that the export lacks", -wanted)
	}
	return told, nil
}
