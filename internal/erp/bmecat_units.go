package erp

import (
	"maps"
	"slices"
	"strings"
)

// orderUnits are the units that Kontor counts in, after the codes of UN/ECE Recommendation 20 that
// BMEcat names them by, and after others that are in use.
var orderUnits = map[string]string{
	"C62": "piece", "PCE": "piece", "EA": "piece", "H87": "piece", "NAR": "piece", "PC": "piece", "PCS": "piece", "STK": "piece",
	"KGM": "kg", "KG": "kg", "TNE": "t", "TO": "t", "MTR": "m", "M": "m", "MON": "month",
}

// unitOf is the unit that a code means.
func unitOf(code string) (string, *RowError) {
	if unit, known := orderUnits[strings.ToUpper(code)]; known {
		return unit, nil
	}
	known := slices.DeleteFunc(slices.Sorted(maps.Keys(orderUnits)), func(c string) bool { return len(c) != 3 })
	return "", flaw(CodeUnitUnknown, quote(code), strings.Join(known, ", "))
}

// featureUnits are how the units of properties are written for people.
var featureUnits = map[string]string{
	"C62": "", "PCE": "", "EA": "", "H87": "", "KGM": "kg", "GRM": "g", "MGM": "mg", "TNE": "t", "MTR": "m", "CMT": "cm", "MMT": "mm", "KMT": "km",
	"MTK": "m²", "MMK": "mm²", "MTQ": "m³", "LTR": "l", "VLT": "V", "AMP": "A", "WTT": "W", "KWT": "kW", "HTZ": "Hz", "CEL": "°C", "P1": "%",
	"SEC": "s", "MIN": "min", "HUR": "h", "MON": "Monate", "BAR": "bar", "NEW": "N",
}

func featureUnit(code string) string {
	if unit, known := featureUnits[code]; known {
		return unit
	}
	return oneLine(code)
}
