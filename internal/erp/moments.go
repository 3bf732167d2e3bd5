package erp

import (
	"time"

	"kontor/internal/day"
	"kontor/internal/db"
)

// moment is a point in time as a row says it.
type moment struct {
	at time.Time
	// daily: only the date was said. Then at is noon in UTC, which is that day nearly everywhere.
	daily bool
}

// moments are a date, or a date with its time.
var moments = Type{Description: "date, YYYY-MM-DD, which is taken as noon in UTC, or date with time and zone, YYYY-MM-DDThh:mm:ss+hh:mm", parse: func(c cell) (any, *RowError) {
	said := moment{daily: true}
	d, err := day.Parse(c.text)
	if err == nil {
		said.at, err = time.Parse(time.RFC3339, string(d)+"T12:00:00Z")
	} else {
		said.daily = false
		said.at, err = time.Parse(time.RFC3339, c.text)
	}
	said.at = db.Moment(said.at)
	// Keys say no time before 1970, and no date after 9999 is written like that.
	if err != nil || said.at.Year() < 1970 || said.at.Year() > 9999 {
		return moment{}, flaw(CodeMomentInvalid, quote(c.text))
	}
	return said, nil
}}

// Moment is a point in time, in UTC. Of a plain date it is noon.
func (r *Row) Moment(column string) time.Time { return value[moment](r, column).at }

// notBefore is the moment where it comes after something. Of the same day a plain date says no
// other: then it is the same moment.
func (m moment) notBefore(before time.Time) (time.Time, bool) {
	switch {
	case !m.at.Before(before):
		return m.at, true
	case m.daily && day.Of(m.at) == day.Of(before):
		return before, true
	}
	return m.at, false
}
