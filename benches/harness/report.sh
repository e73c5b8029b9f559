# The rows of the tables that scripts/bench prints.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

# row NAME TARGET: medians over the rounds, the ratio's spread over the rounds.
row() {
    paste -d ' ' "$WORK/floor/results" "$WORK/cambio/results" | awk -v name="$1" -v target="$2" '
        function median(a, n,   i, j, t) {
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
            return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
        }
        {
            for (i = 1; i <= 8; i++) m[i, NR] = $i
            m[9, NR] = $5 / $1
            # Microseconds of processor time a request.
            m[10, NR] = $4 * 1e4 / $1; m[11, NR] = $8 * 1e4 / $5
            m[12, NR] = m[11, NR] ? m[10, NR] / m[11, NR] : 0
        }
        function column(c,   i, a) { for (i = 1; i <= NR; i++) a[i] = m[c, i]; low = 9e9; high = 0
            for (i = 1; i <= NR; i++) { if (a[i] < low) low = a[i]; if (a[i] > high) high = a[i] }
            return median(a, NR) }
        END {
            floor = column(1); cambio = column(5); cpu = column(12); ratio = column(9)
            printf "| %s | %.0f | %.0f | **%.2f** | %.2f–%.2f | %.2f | %s %s | %.2f / %.2f | %.2f / %.2f | %.1f / %.1f | %.0f / %.0f |\n",
                name, floor, cambio, ratio, low, high, cpu, target, (ratio >= target ? "met" : "not met"),
                column(2) / 1e3, column(3) / 1e3, column(6) / 1e3, column(7) / 1e3,
                column(10), column(11), column(4), column(8)
        }'
}
