module untorn-bench-go

go 1.22
