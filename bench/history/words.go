package history

// The word lists hold no hyphen after an upper-case letter, so that a text made of them holds no issue key but
// those that are put in on purpose.
var (
	verbs = [...]string{"Fix", "Add", "Remove", "Speed up", "Simplify", "Log", "Retry", "Validate", "Document", "Cache",
		"Refactor", "Handle", "Test", "Move", "Rename", "Deprecate", "Support", "Tidy", "Revert", "Guard"}
	things = [...]string{"checkout total", "payment retries", "session timeout", "order export", "search ranking",
		"refund rounding", "login redirect", "invoice template", "stock counter", "price cache", "consumer lag",
		"address form", "config reload", "thread pool", "mail queue", "audit log", "currency table", "coupon parser",
		"image upload", "delivery slots", "token refresh", "batch importer", "health check", "schema migration"}
	places = [...]string{"", "", "", "", " on slow networks", " for guest users", " in the nightly job", " when the cart is empty",
		" after a restart", " behind a proxy", " on the product page", " during failover", " with large files",
		" for old clients", " under load", " in the admin view"}
	chores = [...]string{"Bump dependencies", "Update the changelog", "MINOR: fix typos", "Prepare the next development version",
		"Clean up imports", "Address review comments", "Fix flaky test", "Reformat", "HOTFIX: repair the build", "wip"}
	areas     = [...]string{"cart", "pay", "search", "auth", "ops", "ui", "core", "docs"}
	kinds     = [...]string{"feat", "fix", "perf", "refactor", "test"}
	branching = [...]string{"feature", "bugfix", "hotfix", "task"}
	openers   = [...]string{"The old code", "This change", "The previous version", "A customer", "The new test", "The worker",
		"Every caller", "The remote side"}
	doings = [...]string{"did not close", "now waits for", "lost track of", "silently dropped", "keeps a copy of", "no longer blocks on",
		"misread", "warms up"}
	mentions = [...]string{"See also ", "Fixes ", "Related to the report in "}
	endings  = [...]string{"", "", " before the first request", ", which took minutes with a full table", " and says so in the log",
		" as the documentation promises", ", so the result was stale", " (see the test for an example)"}
)

// traps look like keys and are none: projects ignored by default, keys glued to letters, numbers that start with zero, lower case.
var traps = [...]string{
	"Read the file as UTF-8 and write ISO-8859-1.",
	"Addresses CVE-2024-12345.",
	"Use SHA-256 instead of SHA-1.",
	"As RFC-2616 demands.",
	"The flag is called thisNOT-123.",
	"Agent ABC-007 is not an issue.",
	"Plays 2PAC-123 at startup.",
	"Seat F-67 stays free.",
	"The build id was JIRA-123abcd.",
	"Der Schlüssel ÄBC-12 gilt nicht.",
	"The serial number is AB-12345678901.",
	"Copied from shop-12 and core-7.",
}

// glued surround a key with text that does not hide it: what stands before it and behind it.
var glued = [...][2]string{{"日本", "語"}, {"feature_", "_draft"}, {"fix-", "-again"}, {"https://issues.example.com/browse/", "?focus=1"}, {"(#", ")"}}
