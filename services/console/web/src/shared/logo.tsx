export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <path d="M7 23 16 7l9 16M10.6 17.5h10.8" />
    </svg>
  )
}
