module untorn-finds-go

go 1.22
