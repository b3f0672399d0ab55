internal import GRDB
internal import Relay

/// Reads what was attempted for one delivery.
struct AttemptRows {
    private let select, selectDelivered: PreparedStatement

    init(_ database: Database) throws {
        select = try PreparedStatement(
            database,
            "SELECT number, at, duration, outcome, status, error, response FROM attempts WHERE delivery = ? ORDER BY id"
        )
        selectDelivered = try PreparedStatement(
            database, "SELECT attempts, at, duration, status FROM deliveries WHERE id = ? AND state = 2")
    }

    /// The attempts of a delivery; the one that delivered has kept its status and times only.
    func attempts(of key: Int64) throws -> [AttemptRecord] {
        var records: [AttemptRecord] = []
        select.bind(1, key)
        defer { select.reset() }
        while try select.step() {
            records.append(
                AttemptRecord(
                    number: Int(select.integer(0)), at: Timestamp(milliseconds: select.integer(1)),
                    durationMilliseconds: select.integer(2), outcome: Outcome(rawValue: select.text(3) ?? "") ?? .retry,
                    status: select.optionalInteger(4).map(Int.init), error: select.text(5), response: select.bytes(6)))
        }
        selectDelivered.bind(1, key)
        defer { selectDelivered.reset() }
        if try selectDelivered.step() {
            records.append(
                AttemptRecord(
                    number: Int(selectDelivered.integer(0)), at: Timestamp(milliseconds: selectDelivered.integer(1)),
                    durationMilliseconds: selectDelivered.integer(2), outcome: .delivered,
                    status: selectDelivered.optionalInteger(3).map(Int.init), error: nil, response: []))
        }
        return records
    }
}
