package pebblestore

import "github.com/prometheus/client_golang/prometheus"

// collector gives Pebble's own figures, read when they are asked for.
type collector struct {
	store *Store
	descs []*prometheus.Desc
}

// figure is one of Pebble's figures.
type figure struct {
	name, help string
	kind       prometheus.ValueType
}

var figures = [...]figure{
	{"keytrail_pebble_disk_bytes", "Space that the index takes on disk.", prometheus.GaugeValue},
	{"keytrail_pebble_compaction_debt_bytes", "Bytes that compactions still have to rewrite.", prometheus.GaugeValue},
	{"keytrail_pebble_compactions_total", "Compactions done.", prometheus.CounterValue},
	{"keytrail_pebble_flushes_total", "Memtables flushed.", prometheus.CounterValue},
	{"keytrail_pebble_ingested_tables_total", "Sorted tables taken in whole.", prometheus.CounterValue},
	{"keytrail_pebble_memtable_bytes", "Memory of the memtables.", prometheus.GaugeValue},
	{"keytrail_pebble_wal_bytes", "Size of the live write-ahead log.", prometheus.GaugeValue},
	{"keytrail_pebble_read_amplification", "Sorted runs that one read may touch.", prometheus.GaugeValue},
	{"keytrail_pebble_block_cache_bytes", "Memory of the block cache in use.", prometheus.GaugeValue},
	{"keytrail_pebble_block_cache_hits_total", "Blocks found in the cache.", prometheus.CounterValue},
	{"keytrail_pebble_block_cache_misses_total", "Blocks read from the file system.", prometheus.CounterValue},
	{"keytrail_pebble_tables", "Sorted tables in the index.", prometheus.GaugeValue},
}

// Collector exposes the engine's own figures under keytrail_pebble_.
func (s *Store) Collector() prometheus.Collector {
	c := &collector{store: s}
	for _, f := range figures {
		c.descs = append(c.descs, prometheus.NewDesc(f.name, f.help, nil, nil))
	}
	return c
}

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

func (c *collector) Collect(out chan<- prometheus.Metric) {
	done, err := c.store.use()
	if err != nil {
		return
	}
	defer done()
	m := c.store.db.Metrics()
	total := m.Total()
	values := [len(figures)]float64{
		float64(m.DiskSpaceUsage()),
		float64(m.Compact.EstimatedDebt),
		float64(m.Compact.Count),
		float64(m.Flush.Count),
		float64(total.TablesIngested),
		float64(m.MemTable.Size),
		float64(m.WAL.Size),
		float64(m.ReadAmp()),
		float64(m.BlockCache.Size),
		float64(m.BlockCache.Hits),
		float64(m.BlockCache.Misses),
		float64(total.TablesCount),
	}
	for i, v := range values {
		out <- prometheus.MustNewConstMetric(c.descs[i], figures[i].kind, v)
	}
}
