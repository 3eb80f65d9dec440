package bench

// The limits of what is promised of a first build. Bytes of memory are counted in millions.
const (
	million            = 1_000_000
	mostMillionWall    = 0.20 // of the pipeline's, from a million commits on
	mostWall           = 0.22 // and for histories of some hundred thousand
	mostBuildCPU       = 1.3  // of that of inflating alone
	leastTwoCores      = 1.8  // one core's wall time, by that of all
	mostBuildMemory    = 200e6
	mostBigBuildMemory = 400e6 // beyond a million commits
	mostIndexPerCommit = 170   // bytes, from a hundred thousand commits on
	mostRemoteWall     = 0.05  // of clone and pipeline, for a repository with real trees
	leastPromised      = 100_000
)

// judge holds every case against what is promised of a history of this size. Of a small one nothing is: the start of
// the process is most of it.
func (r *Report) judge(hasTrees bool) {
	for i := range r.Cases {
		c := &r.Cases[i]
		switch {
		case c.Name == CaseFolder && r.Repository.Commits >= leastPromised:
			c.Goals = c.folderGoals(r.Repository.Commits)
		case c.Name == CaseHTTP && hasTrees:
			c.Goals = []Goal{atMost("first build from a remote with real trees: wall, by that of a clone and the pipeline", mostRemoteWall,
				c.Row(NameClone).WallRatio)}
		}
	}
}

func (c *IndexCase) folderGoals(commits int) []Goal {
	wall, memory := mostWall, mostBuildMemory
	if commits >= million {
		wall = mostMillionWall
	}
	if commits > million {
		memory = mostBigBuildMemory
	}
	own, oneCore := &c.Rows[0], c.Row(nameOneCore)
	perCommit := own.over(func(s Sample) float64 { return float64(s.Index) / float64(commits) })
	return []Goal{
		atMost("first build from a folder: wall, by the pipeline's", wall, c.Row(NamePipeline).WallRatio),
		atMost("first build from a folder: CPU, by that of inflating alone", mostBuildCPU, c.Row(NameInflate).CPURatio),
		atLeast("first build from a folder: wall on one core, by that on all", leastTwoCores, oneCore.by(own, sampleWall)),
		atMost("first build from a folder: MB of memory beyond mapped files", memory/1e6, own.over(func(s Sample) float64 { return float64(s.Anonymous) / 1e6 })),
		atMost("index: bytes for each commit, whole messages in it", mostIndexPerCommit, perCommit),
	}
}
