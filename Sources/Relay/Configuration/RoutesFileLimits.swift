extension Field {
    /// Reads `limits`; what is left out has its default.
    func limits() -> Limits {
        var limits = Limits()
        guard var reader = object() else { return limits }
        defer { reader.finish() }
        if let retention = reader.optional("retention")?.duration(.days(3650)) {
            limits.retentionMilliseconds = retention
        }
        if let free = reader.optional("freeSpace")?.whole(0...(1 << 53), "bytes") { limits.freeSpaceBytes = free }
        if let backlog = reader.optional("backlog")?.whole(1...1_000_000_000, "deliveries") {
            limits.backlog = Int(backlog)
        }
        if let drain = reader.optional("drain")?.duration(.seconds(0...600)) { limits.drainMilliseconds = Int(drain) }
        return limits
    }
}
