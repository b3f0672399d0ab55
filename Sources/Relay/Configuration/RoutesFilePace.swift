import JSON

extension Field {
    private static let rateUnits: [(letter: Character, milliseconds: Int64)] = [
        ("s", 1000), ("m", 60_000), ("h", 3_600_000),
    ]
    private static let rates = "\"10/s\", \"30/m\" or \"100/h\""

    /// Reads `rate`: a whole number, a slash and one of three letters.
    func rate() -> Rate? {
        guard let text = text("a rate in quotes such as \(Field.rates)") else { return nil }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let rest = text.dropFirst(digits.count)
        guard !digits.isEmpty, rest.first == "/", rest.utf8.count == 2,
            let unit = Field.rateUnits.first(where: { $0.letter == rest.last })
        else {
            error("\(Words.quoted(text)) is not a rate: write \(Field.rates)")
            return nil
        }
        guard let requests = Int(digits), (1...10_000).contains(requests) else {
            error("\(Words.quoted(text)) is out of range: from 1 to 10000 requests")
            return nil
        }
        return Rate(requests: requests, periodMilliseconds: unit.milliseconds)
    }
    /// Reads `ordered`, which leaves no choice of `concurrency`.
    func isOrdered(_ concurrency: Int64?) -> Bool {
        guard case .bool(let isOrdered) = node.kind else {
            mustBe("true or false")
            return false
        }
        if isOrdered, let concurrency, concurrency > 1 {
            error("sends one after the other, \"concurrency\" is \(concurrency): remove \"concurrency\"")
        }
        return isOrdered
    }
}
