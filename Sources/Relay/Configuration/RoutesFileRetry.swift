import JSON

extension Field {
    /// Reads `retry`; what is left out is as in the standard schedule.
    func retry() -> RetrySchedule {
        guard var reader = object() else { return .standard }
        defer { reader.finish() }
        let schedule = reader.optional("schedule")?.waits()
        let budget = reader.optional("for")?.duration(.days(90))
        return RetrySchedule(
            waitsMilliseconds: schedule ?? RetrySchedule.standard.waitsMilliseconds,
            budgetMilliseconds: budget ?? RetrySchedule.standard.budgetMilliseconds)
    }

    private func waits() -> [Int64]? {
        guard let elements = elements("durations such as \"5s\", \"5m\"") else { return nil }
        guard elements.count <= 100 else {
            error("has \(elements.count) waits: at most 100")
            return nil
        }
        return elements.compactMap { $0.duration(.days(30)) }
    }
}
