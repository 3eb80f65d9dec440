package wire

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// manyRefs is the answer to ls-refs of a repository with n refs, of which every hundredth is an annotated tag.
func manyRefs(n int) []byte {
	var p pktWriter
	p.line(oidA, " HEAD symref-target:refs/heads/trunk\n")
	for i := range n {
		oid := storage.OID(sha1.Sum(fmt.Append(nil, i))).String()
		if i%100 == 0 {
			p.line(oid, fmt.Sprintf(" refs/tags/%d.0.0 peeled:%s\n", i, oidB))
			continue
		}
		p.line(oid, fmt.Sprintf(" refs/pull/%d/head\n", i))
	}
	p.marker(pktFlush)
	return p.Bytes()
}

// BenchmarkReadLsRefs is the parsing alone of 23,000 refs.
func BenchmarkReadLsRefs(b *testing.B) {
	stream := manyRefs(23_000)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		list := newRefList(prefixSet{all: true}, defaultMaxRefs)
		if err := readLsRefs(newPktReader(bytes.NewReader(stream)), list); err != nil {
			b.Fatal(err)
		}
		list.advertisement(&server{version: 2, caps: capabilities{}}, message{})
	}
}

// BenchmarkListRefs is a look over HTTP at a server that costs nothing: 23,000 refs sent and parsed, or 300 of them asked for; and again, when
// the answer is known.
func BenchmarkListRefs(b *testing.B) {
	for _, n := range []int{300, 23_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stream := manyRefs(n)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					w.Header().Set("Content-Type", advertisementType)
					w.Write(packets("version 2\n", "ls-refs\n", "fetch=filter\n", "0000"))
					return
				}
				w.Header().Set("Content-Type", resultType)
				w.Write(stream)
			}))
			defer s.Close()
			c := dial(b, s.URL+"/r.git", Options{})
			known := list(b, c).Digest
			b.Run("read", func(b *testing.B) {
				b.SetBytes(int64(len(stream)))
				b.ReportAllocs()
				for b.Loop() {
					if a := list(b, c); len(a.Refs) != n {
						b.Fatal(len(a.Refs))
					}
				}
			})
			b.Run("again", func(b *testing.B) {
				b.SetBytes(int64(len(stream)))
				b.ReportAllocs()
				for b.Loop() {
					if a, err := c.ListRefsSince(b.Context(), nil, Since{Digest: known}); err != nil || !a.IsSame {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// BenchmarkLookAtGit is a look at git http-backend, whose process takes most of the time.
func BenchmarkLookAtGit(b *testing.B) {
	repo := gittest.Init(b)
	repo.ManyRefs("refs/pull/", 23_000, repo.Commit("ABC-1"))
	for name, prefixes := range map[string][]string{"all": nil, "heads+tags": {"refs/heads/", "refs/tags/"}} {
		b.Run(name, func(b *testing.B) {
			var bytes int
			c := dial(b, gittest.Serve(b, repo, gittest.Options{}), Options{Received: func(n int) { bytes += n }})
			list(b, c, prefixes...)
			bytes = 0
			for b.Loop() {
				list(b, c, prefixes...)
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "wire-bytes/op")
		})
	}
}
