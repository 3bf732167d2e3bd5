package telemetry

import (
	"database/sql"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Reading is figures that are read when Prometheus asks.
type Reading struct {
	descriptions []*prometheus.Desc
	read         func(tell func(figure int, value float64, labels ...string)) error
	kinds        []prometheus.ValueType
}

// Figure is one of a Reading.
type Figure struct {
	Name, Help string
	Labels     []string
	Counts     bool // it only ever grows
}

// Read makes a Reading: read tells the values of the figures, each by its place. Where it fails, they
// are missing, and the error says why.
func Read(read func(tell func(figure int, value float64, labels ...string)) error, figures ...Figure) *Reading {
	r := &Reading{read: read}
	for _, f := range figures {
		kind := prometheus.GaugeValue
		if f.Counts {
			kind = prometheus.CounterValue
		}
		r.descriptions = append(r.descriptions, prometheus.NewDesc("kontor_"+f.Name, f.Help, f.Labels, nil))
		r.kinds = append(r.kinds, kind)
	}
	return r
}

// Describe tells which figures there are.
func (r *Reading) Describe(to chan<- *prometheus.Desc) {
	for _, d := range r.descriptions {
		to <- d
	}
}

// Collect reads them.
func (r *Reading) Collect(to chan<- prometheus.Metric) {
	err := r.read(func(figure int, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(r.descriptions[figure], r.kinds[figure], value, labels...)
	})
	if err != nil {
		to <- prometheus.NewInvalidMetric(r.descriptions[0], err)
	}
}

// Database reads a pool of connections to the database.
func Database(stats func() sql.DBStats) *Reading {
	return Read(func(tell func(int, float64, ...string)) error {
		s := stats()
		tell(0, float64(s.InUse), "in_use")
		tell(0, float64(s.Idle), "idle")
		tell(1, float64(s.MaxOpenConnections))
		tell(2, float64(s.WaitCount))
		tell(3, s.WaitDuration.Seconds())
		return nil
	},
		Figure{Name: "db_connections", Help: "Connections to the database.", Labels: []string{"state"}},
		Figure{Name: "db_connections_limit", Help: "Connections to the database that there may be."},
		Figure{Name: "db_waits_total", Help: "How often somebody waited for a connection to the database.", Counts: true},
		Figure{Name: "db_wait_seconds_total", Help: "How long all of them waited together.", Counts: true},
	)
}

// RedisPool reads a pool of connections to Redis.
func RedisPool(client redis.UniversalClient) *Reading {
	return Read(func(tell func(int, float64, ...string)) error {
		s := client.PoolStats()
		tell(0, float64(s.TotalConns-s.IdleConns), "in_use")
		tell(0, float64(s.IdleConns), "idle")
		tell(1, float64(s.Timeouts))
		tell(2, float64(s.StaleConns))
		return nil
	},
		Figure{Name: "redis_connections", Help: "Connections to Redis.", Labels: []string{"state"}},
		Figure{Name: "redis_pool_timeouts_total", Help: "How often no connection to Redis came free in time.", Counts: true},
		Figure{Name: "redis_stale_connections_total", Help: "Connections to Redis that were found broken or too old.", Counts: true},
	)
}
