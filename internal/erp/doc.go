// Package erp reads what the operator's ERP system sends: master data, contracts,
// products, prices and bookings as CSV or NDJSON rows (CO-05). Reading streams, so that a
// file may be larger than memory, and a bad row never stops the good ones.
package erp
