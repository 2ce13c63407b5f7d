package idle

// Spin computes for a while, as a parser or a renderer does.
func Spin(rounds int) uint32 {
	sum := uint32(2166136261)
	for i := 0; i < rounds; i++ {
		sum = (sum ^ uint32(i)) * 16777619
	}
	return sum
}
