// Package report makes figures of the audit log for those who review access: entries in, figures out. It reads no wire
// and no clock. Each figure carries the checkpoint of the log that its entries were held to, and who made the report
// held them to it before. What it shows comes from strangers in part, so the page is made by html/template and has
// no script.
package report
