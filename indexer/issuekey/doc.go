// Package issuekey finds issue keys such as ABC-123 in commit messages, notes, and the names of branches and pull requests.
//
// It is pure: text in, keys out; no files, no clock, no other package of keytrail. New makes a Rules from Options; the rest are its
// methods. A Rules never changes, so any number of goroutines may share one.
//
//	rules, err := issuekey.New(issuekey.Options{Deny: issuekey.DefaultDeny()})
//	rules.Keys("ABC-12: read UTF-8")           // [ABC-12]
//	rules.NameKeys("feature_abc-12")           // [ABC-12 FEATURE_ABC-12]
//	rules.Canonical(" abc-12 ")                // "ABC-12", nil
//	rules.Explain("F-67 and ABC-007", false)   // both refused, and why
//
// # The jira preset
//
// A key is a project key, a hyphen and a number. To find it, look at each hyphen (the ASCII one):
//
//   - Left of it take the longest run of A-Z, 0-9 and _, and drop leading underscores. What is left is the project key. It has 2 to
//     255 characters and begins with a letter. Where no underscore was dropped, it is not preceded by a cased letter (Unicode Lu, Ll
//     or Lt). A letter without case, such as a CJK one, may precede it.
//   - Right of it take the longest run of 0-9. That is the number. It has 1 to 10 digits and no leading zero, and it is not followed
//     by a cased letter. An underscore, a hyphen or a letter without case may follow.
//
// Digits are 0-9 only: those of other scripts neither belong to a key nor glue to it. A byte that is not UTF-8 does not glue either.
//
// Messages and notes are matched so, in upper case. Matched in any case, the run is of A-Z, a-z, 0-9 and _: only cased letters outside
// ASCII are then left to precede it and glue, thisNOT-123 is the key THISNOT-123, and feature_ABC-12 is FEATURE_ABC-12.
//
// Names are matched in any case and have one more rule, since words in them are often joined by underscores: of a run with
// underscores the part after the last one is tried too, by its length and first letter. So feature_abc-12 yields FEATURE_ABC-12 and
// ABC-12, and 2024_abc-12 yields ABC-12. Options choose the case of messages and of names; names in upper case are matched as messages
// are, without the rule of the last part. Keys are always given in upper case.
//
// # The presets of peers
//
// github, gitlab and bitbucket find what the expressions that these products published find, for those who move from one of them:
//
//	github     (^|[^A-Z\d])([A-Z][A-Z\d]{1,255}-[1-9]\d{0,255})(?=$|[^A-Z\d])   in any case
//	gitlab     \b([A-Z][A-Z_0-9]+-\d+)                                          upper case; \b is that of ASCII
//	bitbucket  (?<!([A-Z]{1,10})-?)[A-Z]+-\d+                                   upper case
//
// They have one rule for messages and names. Two differences remain: project keys and numbers of more than 255 characters are refused,
// and the two letters outside ASCII that fold to S and K (U+017F, U+212A), which the first expression takes for letters of a key, glue
// to it here.
//
// In each preset a project key begins where a run of its characters begins. The digits of one key therefore never begin another, keys
// of a message cannot overlap, and the decision at one hyphen does not depend on those before it.
package issuekey
