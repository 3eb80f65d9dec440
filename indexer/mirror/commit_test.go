package mirror

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

const treeLine = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"

// hash writes the content of a commit object that git itself would not write.
func hash(t testing.TB, repo *gittest.Repo, content string) storage.OID {
	t.Helper()
	oid, err := storage.ParseOID(repo.Feed(content, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"))
	if err != nil {
		t.Fatal(err)
	}
	return oid
}

// decoded reads the commit that HEAD of a repository is, as a walk gives it.
func decoded(t testing.TB, repo *gittest.Repo, oid storage.OID) storage.Commit {
	t.Helper()
	c, ok := walked(t, openLocal(t, repo.Path), []storage.OID{oid}, nil)[oid]
	if !ok {
		t.Fatalf("the walk has no commit %s", oid)
	}
	return c
}

const (
	latinText    = "AB-1 Stra\xdfe nach K\xf6ln\n"   // ISO-8859-1
	cyrillicText = "AB-1 \xcf\xf0\xe8\xe2\xe5\xf2\n" // windows-1251
	japaneseText = "AB-1 \x93\xfa\x96\x7b\x8c\xea\n" // Shift_JIS
	euroText     = "AB-1 10 \x80\n"                  // windows-1252
	utf16Text    = "\xfe\xff\x00A\x00B\x00-\x001"    // UTF-16 with a byte order mark
	koreanText   = "AB-1 \xc7\xd1\xb1\xdb\n"         // EUC-KR
	signed       = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n author Evil <e@example.com> 1 +0000\n -----END PGP SIGNATURE-----\n"
	merged       = "mergetag object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n type commit\n tag v1\n tagger X <x@example.com> 1 +0000\n \n encoding Shift_JIS\n"
)

func TestMessagesInAnyEncodingBecomeUTF8(t *testing.T) {
	repo := gittest.Init(t)
	for _, v := range []struct{ name, encoding, message, want string }{
		{"UTF-8", "", "AB-1 Köln 🎉\n", "AB-1 Köln 🎉\n"},
		{"UTF-8 declared", "utf8", "AB-1 Köln\n", "AB-1 Köln\n"},
		{"Latin-1 declared", "ISO-8859-1", latinText, "AB-1 Straße nach Köln\n"},
		{"Latin-1 by another name", "latin1", latinText, "AB-1 Straße nach Köln\n"},
		{"Latin-1 not declared", "", latinText, "AB-1 Straße nach Köln\n"},
		{"windows-1251", "windows-1251", cyrillicText, "AB-1 Привет\n"},
		{"windows-1251 as CP1251", "CP1251", cyrillicText, "AB-1 Привет\n"},
		{"windows-1252", "windows-1252", euroText, "AB-1 10 €\n"},
		{"Shift_JIS", "Shift_JIS", japaneseText, "AB-1 日本語\n"},
		{"Shift_JIS as SJIS", "SJIS", japaneseText, "AB-1 日本語\n"},
		{"EUC-KR", "EUC-KR", koreanText, "AB-1 한글\n"},
		{"an encoding nobody knows", "x-klingon", "AB-1 Köln\n", "AB-1 Köln\n"},
		{"an encoding nobody knows, not UTF-8", "x-klingon", latinText, "AB-1 Straße nach Köln\n"},
		{"UTF-8 declared, not UTF-8", "UTF-8", latinText, "AB-1 Straße nach Köln\n"},
		{"declared wrongly", "Shift_JIS", "AB-1 Köln 🎉\n", "AB-1 Köln 🎉\n"},
		{"ends in a NUL byte", "", "AB-1 seen\x00AB-2 not seen\n", "AB-1 seen"},
		{"empty", "", "", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			header := ""
			if v.encoding != "" {
				header = "encoding " + v.encoding + "\n"
			}
			oid := hash(t, repo, treeLine+"author Ada <ada@example.com> 1 +0000\ncommitter Carl <carl@example.com> 2 +0000\n"+header+"\n"+v.message)
			if got := decoded(t, repo, oid).Message; got != v.want {
				t.Errorf("message is %q, not %q", got, v.want)
			}
		})
	}
}

func TestGitsOwnCommitEncodingIsUnderstood(t *testing.T) {
	repo := gittest.Init(t)
	tree := repo.Feed("", "mktree")
	for encoding, v := range map[string]struct{ bytes, text string }{
		"ISO-8859-1": {latinText, "AB-1 Straße nach Köln\n"}, "windows-1251": {cyrillicText, "AB-1 Привет\n"}, "Shift_JIS": {japaneseText, "AB-1 日本語\n"},
	} {
		oid, err := storage.ParseOID(repo.Feed(v.bytes, "-c", "i18n.commitEncoding="+encoding, "commit-tree", tree))
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded(t, repo, oid).Message; got != v.text {
			t.Errorf("%s: message is %q, not %q", encoding, got, v.text)
		}
	}
}

func TestNamesAreDecodedAsTheMessageIs(t *testing.T) {
	c, err := parseCommit(storage.OID{1}, []byte(treeLine+"author J\xf6rg <j@example.com> 1 +0000\ncommitter \xcf\xf0 <c@example.com> 1 +0000\nencoding windows-1251\n\n"))
	if err != nil || c.Author.Name != "Jцrg" || c.Committer.Name != "Пр" {
		t.Errorf("names are %q and %q, error %v", c.Author.Name, c.Committer.Name, err)
	}
}

func signature(line string) storage.Signature {
	var s storage.Signature
	new(commitParser).signature(&s, []byte(line), decoder{})
	return s
}

func TestSignaturesAreReadAsGitReadsThem(t *testing.T) {
	for _, v := range []struct {
		line string
		want storage.Signature
	}{
		{"Ada <ada@example.com> 1600000000 +0200", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1600000000, Offset: 120}},
		{"Ada <ada@example.com> 1600000000 -0730", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1600000000, Offset: -450}},
		{"Ada <ada@example.com> -86400 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: -86400}},
		{"Ada <ada@example.com> 1 +9999", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1, Offset: 99*60 + 99}},
		{"Ada <ada@example.com> 1 +051800", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1, Offset: 518 * 60}},
		{"Ada <ada@example.com> 1 -99999999999", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1, Offset: math.MinInt16}},
		{"Ada <ada@example.com> 1 +99999999999", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1, Offset: math.MaxInt16}},
		{"Ada <ada@example.com> 99999999999999999999999 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: math.MaxInt64}},
		{"Ada <ada@example.com> -99999999999999999999999 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: math.MinInt64}},
		{"Ada <ada@example.com> 9223372036854775807 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: math.MaxInt64}},
		{"Ada <ada@example.com> -9223372036854775808 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: math.MinInt64}},
		{"Ada <ada@example.com> 9223372036854775806 +0000", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: math.MaxInt64 - 1}},
		{"Ada <ada@example.com>", storage.Signature{Name: "Ada", Email: "ada@example.com"}},
		{"Ada <ada@example.com> yesterday", storage.Signature{Name: "Ada", Email: "ada@example.com"}},
		{"Ada <ada@example.com> 7", storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 7}},
		{"<ada@example.com> 7 +0000", storage.Signature{Email: "ada@example.com", Seconds: 7}},
		{"Ada <> 7 +0000", storage.Signature{Name: "Ada", Seconds: 7}},
		{"Ada <ada> <b@example.com> 7 +0000", storage.Signature{Name: "Ada", Email: "ada", Seconds: 7}},
		{"Ada", storage.Signature{Name: "Ada"}},
		{"", storage.Signature{}},
	} {
		if got := signature(v.line); got != v.want {
			t.Errorf("%q is read as\n%+v, not\n%+v", v.line, got, v.want)
		}
	}
}

func TestHeadersMayBeMissingForeignOrContinued(t *testing.T) {
	a, b := storage.OID{0xaa}, storage.OID{0xbb}
	ada := storage.Signature{Name: "Ada", Email: "ada@example.com", Seconds: 1}
	author, committer := "author Ada <ada@example.com> 1 +0000\n", "committer Ada <ada@example.com> 1 +0000\n"
	for _, v := range []struct {
		name, content string
		want          storage.Commit
	}{
		{"merge", "parent " + a.String() + "\nparent " + b.String() + "\n" + author + committer + "\nm", storage.Commit{Parents: []storage.OID{a, b}, Author: ada, Committer: ada, Message: "m"}},
		{"no author", committer + "\nm", storage.Commit{Committer: ada, Message: "m"}},
		{"no committer", author + "\nm", storage.Commit{Author: ada, Message: "m"}},
		{"nobody", "\nm", storage.Commit{Message: "m"}},
		{"no message", author + committer, storage.Commit{Author: ada, Committer: ada}},
		{"author twice", author + "author Bob <bob@example.com> 2 +0000\n" + committer + "\nm", storage.Commit{Author: ada, Committer: ada, Message: "m"}},
		{"signed", signed + author + committer + "\nm", storage.Commit{Author: ada, Committer: ada, Message: "m"}},
		{"with a merged tag", author + committer + merged + "\nK\xc3\xb6ln", storage.Commit{Author: ada, Committer: ada, Message: "Köln"}},
		{"signed last", author + committer + signed + "\nm", storage.Commit{Author: ada, Committer: ada, Message: "m"}},
		{"header words in the message", author + committer + "\nauthor Evil <e@example.com> 9 +0000\n\nencoding Shift_JIS\n", storage.Commit{Author: ada, Committer: ada, Message: "author Evil <e@example.com> 9 +0000\n\nencoding Shift_JIS\n"}},
	} {
		v.want.OID = storage.OID{1}
		got, err := parseCommit(v.want.OID, []byte(treeLine+v.content))
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
		} else if d := cmp.Diff(v.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", v.name, d)
		}
	}
}

func TestWhatIsNoCommitIsRefusedByName(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "no tree": "author Ada <ada@example.com> 1 +0000\n\nm", "short tree": "tree 4b825d\n\nm", "bad parent": treeLine + "parent zz\n\nm",
	} {
		_, err := parseCommit(storage.OID{0xab}, []byte(content))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantError(t, err, errNotACommit, "commit ab0000")
	}
}

func TestAHugeMessageCostsOneCopy(t *testing.T) {
	const size = 50 << 20
	content := []byte(treeLine + "author Ada <ada@example.com> 1 +0000\n\n" + strings.Repeat("AB-1 all of it\n", size/15))
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if c, err := parseCommit(storage.OID{1}, content); err != nil || len(c.Message) < size-15 {
				b.Fatal(len(c.Message), err)
			}
		}
	})
	if bytes := allocated.AllocedBytesPerOp(); bytes > size+size/10 {
		t.Errorf("%d bytes of message cost %d of memory", size, bytes)
	}
}

func TestAHugeMessageIsRead(t *testing.T) {
	repo := gittest.Init(t)
	line := "AB-1 stra\xdfe "
	oid := hash(t, repo, treeLine+"author Ada <ada@example.com> 1 +0000\ncommitter Ada <ada@example.com> 1 +0000\n\n"+strings.Repeat(line, 50<<20/len(line))+"AB-2")
	if m := decoded(t, repo, oid).Message; !strings.HasSuffix(m, "straße AB-2") || len(m) < 50<<20 {
		t.Errorf("message has %d bytes", len(m))
	}
}

func TestAbsurdTimesStillMakeADate(t *testing.T) {
	for _, seconds := range []string{"-9223372036854775808", "9223372036854775807", "-1"} {
		s := signature("Ada <ada@example.com> " + seconds + " +9999")
		if _, err := s.Time().MarshalJSON(); err != nil {
			t.Errorf("%s: %v", seconds, err)
		}
	}
	if got := signature("A <a> -86400 -0100").Time().Format(time.RFC3339); got != "1969-12-30T23:00:00-01:00" {
		t.Errorf("the day before 1970 is %s", got)
	}
}

func FuzzParseCommit(f *testing.F) {
	person := "author Ada <ada@example.com> 1 +0000\ncommitter Ada <ada@example.com> 1 +0000\n"
	for _, seed := range []string{
		"", treeLine, treeLine + person + "\nAB-1\n", treeLine + person + "encoding windows-1251\n\n" + cyrillicText, treeLine + person + "encoding Shift_JIS\n\n" + japaneseText,
		treeLine + person + "encoding UTF-16\n\n" + utf16Text, treeLine + person + "encoding ISO-2022-JP\n\n\x1b$B\x00", treeLine + person + "encoding UTF-7\n\n+AGE-", treeLine + person + "encoding replacement\n\nx",
		treeLine + signed + merged + person + "\n" + latinText, treeLine + "author >< - +\x00\ncommitter <<>> --1 ++\n\nx\x00y",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		oid := storage.OID{0xab}
		before := string(content)
		c, err := parseCommit(oid, content)
		if c.OID != oid {
			t.Errorf("the oid became %s", c.OID)
		}
		if string(content) != before {
			t.Error("the content was written to")
		}
		if err != nil {
			return
		}
		for _, text := range []string{c.Message, c.Author.Name, c.Author.Email, c.Committer.Name, c.Committer.Email} {
			if !utf8.ValidString(text) {
				t.Errorf("not UTF-8: %q", text)
			}
		}
	})
}
