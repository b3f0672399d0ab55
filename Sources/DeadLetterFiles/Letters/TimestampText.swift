import Relay

extension Timestamp {
    /// Reads exactly what `description` writes for the years 0000 to 9999: `2026-11-22T08:05:01.042Z`.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 24 else { return nil }
        func number(_ range: Range<Int>) -> Int {
            bytes[range].reduce(0) { $0 * 10 + (Int($1) - Int(UInt8(ascii: "0"))) }
        }
        let days = Timestamp.days(year: number(0..<4), month: number(5..<7), day: number(8..<10))
        let seconds = (days * 24 + number(11..<13)) * 3600 + number(14..<16) * 60 + number(17..<19)
        self.init(milliseconds: Int64(seconds * 1000 + number(20..<23)))
        // Whatever is no digit, no calendar date or in the wrong place does not come back the same.
        guard description.utf8.elementsEqual(bytes) else { return nil }
    }

    /// Days from 1970-01-01, by days-from-civil (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
