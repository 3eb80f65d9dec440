package hostapi

import "keytrail/indexer/host"

// ToldBranch gives a branch that was made as its host tells of it. Without a tip it is none: the answer is another one's, such as a
// proxy's.
func ToldBranch(b host.Branch) (host.Branch, error) {
	if b.OID == "" {
		return host.Branch{}, host.Problem(host.ErrAnswer, "the answer holds no branch: look at the host, or at a proxy before it")
	}
	return b, nil
}
