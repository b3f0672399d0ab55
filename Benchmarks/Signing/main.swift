// Measures what signing one request costs, headers included, in CPU time of this process.
//
//     swiftc -O -wmo -package-name gruveo-relay -enable-upcoming-feature InternalImportsByDefault \
//       -Xcc -fmodule-map-file=Sources/COpenSSL/module.modulemap Sources/Signatures/*.swift \
//       Benchmarks/Signing/main.swift -o /tmp/signing && /tmp/signing

import Glibc

/// CPU time of this process in nanoseconds.
func processNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

let hmac = KeyMark.hmac.text(Array(0..<32))
let other = KeyMark.hmac.text(Array(32..<64))
let ed25519 = KeyMark.ed25519Private.text(Array(0..<32))
let cases: [(name: String, scheme: SigningScheme, keys: [String])] = [
    ("github", .github, [String(hmac.dropFirst(6))]),
    ("standard-webhooks, one HMAC key", .standardWebhooks, [hmac]),
    ("standard-webhooks, two HMAC keys", .standardWebhooks, [hmac, other]),
    ("standard-webhooks, one Ed25519 key", .standardWebhooks, [ed25519]),
    ("standard-webhooks, one of each", .standardWebhooks, [hmac, ed25519]),
]

let body = [UInt8](repeating: UInt8(ascii: "a"), count: 606)
let id = "evt_000102030405060708090a0b0c0d0e0f"
for (name, scheme, keys) in cases {
    let signer = try Signer(scheme: scheme, secrets: keys.map { Secret(Array($0.utf8)) })
    let count = 20_000
    var best = Double.infinity
    for round in 0..<5 {
        let start = processNanoseconds()
        for number in 0..<count {
            let headers = signer.headers(id: id, timestampSeconds: Int64(1_700_000_000 + number), body: body)
            precondition(!headers.isEmpty)
        }
        let each = Double(processNanoseconds() - start) / Double(count) / 1000
        if round > 0 { best = min(best, each) }
    }
    print("\(name): \((best * 100).rounded() / 100) µs")
}
